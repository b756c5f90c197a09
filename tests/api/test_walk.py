"""Every method at every form of address of every type: what is declared answers, all else is refused.

What is declared is read from the CapabilityStatement alone, never from the table that routes.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from referral_service.api.fhir.conformance import CONFORMANCE
from referral_service.fhir.search.table import KINDS
from tests.api.test_capabilities import SMALLEST
from tests.kit.server import Running

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY")
# Each form of address, and what R4 calls its use by each method.
FORMS: dict[str, dict[str, str]] = {
    "{type}": {"GET": "search-type", "POST": "create"},
    "{type}?_id=none": {
        "GET": "search-type",
        "POST": "create",
        "PUT": "conditionalUpdate",
        "DELETE": "conditionalDelete",
    },
    "{type}/_search": {"POST": "search-type"},
    "{type}/_history": {"GET": "history-type"},
    "{type}/none": {"GET": "read", "PUT": "update", "PATCH": "patch", "DELETE": "delete"},
    "{type}/none/_history": {"GET": "history-instance"},
    "{type}/none/_history/1": {"GET": "vread"},
    "{type}/none/$meta": {},
    "{type}/$validate": {},
    "{type}/none/none": {},
}
# Of R4, but none of ours; and one that is in no release.
NEITHER = ("Claim", "Bundle", "Parameters", "Binary", "CapabilityStatement", "OperationOutcome", "Sickness")
PATCHED = "application/json-patch+json"


class Way(NamedTuple):
    """One request, and R4's code of what it asks for, "" if R4 has none."""

    method: str
    type: str
    form: str
    code: str


def ways(type: str) -> Iterator[Way]:
    for form, codes in FORMS.items():
        for method in METHODS:
            yield Way(method, type, form, codes.get("GET" if method == "HEAD" else method, ""))


@pytest.fixture(scope="module")
def declared(server: Running) -> dict[str, set[str]]:
    """The codes of what each type declares, its conditional interactions among them."""
    found = {}
    for one in server.http.get("/metadata").json()["rest"][0]["resource"]:
        codes = {interaction["code"] for interaction in one["interaction"]}
        conditional = {"conditionalUpdate", "conditionalDelete"} & {name for name in one if one[name] is True}
        found[one["type"]] = codes | conditional
    return found


def sent(way: Way) -> dict[str, Any]:
    """The least that such a request brings along."""
    if way.method == "PATCH":
        return {"content": b"[]", "headers": {"content-type": PATCHED}}
    if way.form.endswith("_search"):
        return {"data": {"_id": "none"}}
    if way.method in ("POST", "PUT"):
        known = SMALLEST.get(way.type, {"status": "accepted", "intent": "order"})
        return {"json": {"resourceType": way.type, "id": "none", **known}}
    return {}


@pytest.mark.parametrize("type", [*KINDS, *CONFORMANCE, "AuditEvent", *NEITHER])
def test_what_is_declared_answers_and_all_else_is_refused(
    server: Running, declared: dict[str, set[str]], type: str
) -> None:
    codes = declared.get(type, set())
    refused = [way for way in ways(type) if way.code not in codes]
    stored = server.dump()
    for way in refused:
        answer = server.http.request(way.method, "/" + way.form.format(type=type), **sent(way))
        is_unmeant = (way.method, way.form, answer.status_code) == ("PUT", "{type}", 400)
        assert answer.status_code in (404, 405) or is_unmeant, (way, answer.text)
        assert way.method not in answer.headers.get("allow", "").split(", ")
        if way.method != "HEAD":
            assert answer.json()["resourceType"] == "OperationOutcome"
    assert server.dump() == stored
    for way in ways(type):
        if way.code in codes:
            answer = server.http.request(way.method, "/" + way.form.format(type=type), **sent(way))
            is_answered = answer.is_success or answer.status_code in (404, 410)
            assert is_answered and "nothing at this address" not in answer.text, (way, answer.text)


def test_every_declared_type_is_walked(declared: dict[str, set[str]]) -> None:
    assert declared.keys() == {*KINDS, *CONFORMANCE, "AuditEvent"}
