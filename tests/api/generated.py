"""Resources as senders might write them: any text, any digits, extensions nobody knows, things contained."""

import json
import re
from typing import Any

from hypothesis import strategies as st

from tests.api.hostile import Json

_NUMBER = re.compile(r'"@@([^"]*)@@"')
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(str.strip)
codes = st.text("abcXYZ019.-|,$\\é", min_size=1, max_size=12)
days = st.sampled_from(("2026", "2026-02", "2024-02-29", "1968-04-02"))
moments = st.sampled_from(
    (
        "2026",
        "2026-02",
        "2024-02-29",
        "2026-01-05T08:30:00Z",
        "2026-01-05T08:30:00.000+00:00",
        "2026-01-05T23:59:59.123456789-11:30",
    )
)
# Digits that a reader of floating point numbers would lose or change.
_WRITTEN = (
    *("0.40", "1e3", "1E3", "1.0E+2", "100.000", "0", "-0.0", "1.50", "0.1", "3", "7.0", "1e-7", "1.000e-2"),
    *("12345678901234567890", "0.30000000000000000001", "99999999999999999999.999"),
)
_DIGITS = st.sampled_from(_WRITTEN) | st.decimals(
    allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9
).map(str)
numbers = _DIGITS.map("@@{}@@".format)
whole = st.integers(-(2**31), 2**31 - 1)

_plain = st.one_of(
    st.fixed_dictionaries({"valueString": texts}),
    st.fixed_dictionaries({"valueDecimal": numbers}),
    st.fixed_dictionaries({"valueInteger": whole}),
    st.fixed_dictionaries({"valueBoolean": st.booleans()}),
    st.fixed_dictionaries({"valueDateTime": moments}),
    st.fixed_dictionaries({"valueCodeableConcept": st.fixed_dictionaries({"text": texts})}),
    st.fixed_dictionaries({"_valueDate": st.just({"extension": [{"url": "urn:absent", "valueCode": "x"}]})}),
)
_url = st.fixed_dictionaries({"url": st.sampled_from(("urn:local", "https://ehr.example/x#y", "short"))})
extensions = st.lists(
    st.recursive(
        st.tuples(_url, _plain).map(lambda both: both[0] | both[1]),
        lambda inside: st.tuples(_url, st.lists(inside, min_size=1, max_size=2)).map(
            lambda both: both[0] | {"extension": both[1]}
        ),
        max_leaves=4,
    ),
    min_size=1,
    max_size=2,
)
_of_a_primitive = st.fixed_dictionaries({}, optional={"id": st.just("a1")}) | st.just({})
primitive = st.tuples(_of_a_primitive, extensions).map(lambda both: both[0] | {"extension": both[1]})
codings = st.fixed_dictionaries(
    {"system": st.sampled_from(("urn:local", "http://loinc.org")), "code": codes},
    optional={"display": texts, "version": texts, "userSelected": st.booleans(), "extension": extensions},
)
concepts = st.fixed_dictionaries(
    {"text": texts}, optional={"coding": st.lists(codings, min_size=1, max_size=3), "extension": extensions}
)
identifiers = st.lists(
    st.fixed_dictionaries({"value": texts}, optional={"system": st.just("urn:mrn"), "type": concepts}),
    min_size=1,
    max_size=2,
)
_CONTAINED = {"resourceType": "Organization", "id": "c1", "name": "Ünïtëd"}
_NARRATIVE = '<div xmlns="http://www.w3.org/1999/xhtml"><p>5 &lt; 6 &amp; <b>“é”</b>&#160;</p></div>'
_metas = st.fixed_dictionaries(
    {"tag": st.lists(codings, min_size=1, max_size=2)},
    optional={
        "profile": st.just(["urn:profile|1.0"]),
        "source": st.just("urn:ehr#1"),
        "extension": extensions,
    },
)
_ANY: dict[str, st.SearchStrategy[Any]] = {
    "meta": _metas,
    "language": st.just("de-CH"),
    "text": st.just({"status": "generated", "div": _NARRATIVE}),
    "extension": extensions,
    "identifier": identifiers,
}
_quantities = st.fixed_dictionaries(
    {"value": numbers}, optional={"unit": texts, "_unit": primitive, "extension": extensions}
)


def _resource(kind: str, needed: dict[str, Any], more: dict[str, Any]) -> st.SearchStrategy[Json]:
    fixed = {"resourceType": st.just(kind), **needed}
    return st.fixed_dictionaries(fixed, optional=_ANY | more)


def resources(who: str) -> st.SearchStrategy[Json]:
    """One of several types; `who` refers to its patient. Numbers are marked until they are written."""
    subject = st.fixed_dictionaries(
        {"reference": st.just(who)},
        optional={"display": texts, "_reference": primitive, "extension": extensions},
    )
    return st.one_of(
        patients(),
        _resource(
            "Condition",
            {
                "subject": subject,
                "clinicalStatus": st.just({"coding": [{"system": CLINICAL, "code": "active"}]}),
            },
            {
                "code": concepts,
                "onsetDateTime": moments,
                "_recordedDate": primitive,
                "note": st.lists(st.fixed_dictionaries({"text": texts}), min_size=1, max_size=2),
            },
        ),
        _resource(
            "Observation",
            {"status": st.just("final"), "code": concepts, "subject": subject},
            {
                "_status": primitive,
                "effectiveDateTime": moments,
                "valueQuantity": _quantities,
                "component": st.lists(
                    st.fixed_dictionaries({"code": concepts, "valueQuantity": _quantities}),
                    min_size=1,
                    max_size=2,
                ),
            },
        ),
        _resource(
            "Procedure",
            {"status": st.just("completed"), "subject": subject, "code": concepts},
            {
                "performedPeriod": st.fixed_dictionaries({"start": days}, optional={"_end": primitive}),
                "usedCode": st.lists(concepts, min_size=1, max_size=2),
            },
        ),
    )


def patients() -> st.SearchStrategy[Json]:
    """A Patient, perhaps with names half empty, a contained Organization, and primitives with extensions."""
    given = {
        "given": ["Ann", None, "Zoë"],
        "_given": [None, {"extension": [{"url": "urn:q", "valueCode": "x"}]}, None],
    }
    plain = _resource(
        "Patient",
        {},
        {
            "active": st.booleans(),
            "birthDate": days,
            "_birthDate": primitive,
            "_gender": primitive,
            "name": st.just([given])
            | st.lists(st.fixed_dictionaries({"family": texts}), min_size=1, max_size=2),
            "multipleBirthInteger": whole,
        },
    )
    cared_for = {"contained": [_CONTAINED], "managingOrganization": {"reference": "#c1"}}
    return st.tuples(plain, st.sampled_from(({}, cared_for))).map(lambda both: both[0] | both[1])


def written(resource: Json, is_ascii: bool = True, indent: int | None = None) -> str:
    """As JSON, the numbers with the digits that were drawn."""
    return _NUMBER.sub(r"\1", json.dumps(resource, ensure_ascii=is_ascii, indent=indent))


def read(text: str | bytes) -> Any:
    """JSON in which each number is its digits: two are equal if nothing of what was written was changed."""
    return json.loads(text, parse_float="digits {}".format, parse_int="digits {}".format)


def as_stored(sent: Any, received: Any) -> Any:
    """What was sent, with the id and the version that the service gave it."""
    meta = {**sent.get("meta", {}), **{name: received["meta"][name] for name in ("versionId", "lastUpdated")}}
    return {**sent, "id": received["id"], "meta": meta}
