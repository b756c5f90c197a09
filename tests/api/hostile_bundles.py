"""Batches and transactions that were made to do harm."""

from typing import Any

from tests.api.charts import condition, entry, patient
from tests.api.hostile import MARK, MARKED_ID, Attack, Json, posted

_ONE = "urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9"
_TWO = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"
_BAD = entry("POST", "Patient", patient(birthDate=MARK))
_URLS = (
    *("../Patient", "../../etc/passwd", "Patient/../Condition", "Patient/..", "/", "", "?", "//evil/Patient"),
    *(
        "http://evil.example/Patient",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "Patient/x/y/z",
        "metadata",
    ),
    *("Patient/%2e%2e", "Patient/a b", "Patient/\x00", "Patient\r\nX: y", "Patient/" + "x" * 65, "$export"),
    *("Patient/x?identifier=1", "Patient/x/_history/1", "Patient/_search", "Patient/$assess", "Sickness/1"),
    *(f"{MARKED_ID}/1", "Patient/\ud83d\ude00", "x" * 100_000, "A/" * 10_000, "Patient/x/$assess", "Bundle"),
)
_ENTRIES: tuple[Any, ...] = (
    *(
        None,
        7,
        True,
        MARK,
        [],
        {},
        [{}],
        {"request": None},
        {"request": {}},
        {"request": MARK},
        {"resource": MARK},
    ),
    *(
        {"request": {"method": MARK, "url": "Patient"}},
        {"request": {"method": "GET"}},
        {"request": {"url": "x"}},
    ),
    *({"request": {"method": "get", "url": "Patient"}}, {"request": {"method": ["GET"], "url": "Patient"}}),
    *({"request": {"method": "POST", "url": "Patient"}, "resource": None}, {"search": {"mode": MARK}}),
    *({"fullUrl": MARK, "request": {"method": "POST", "url": "Patient"}, "resource": patient()},),
    *({"response": {"status": MARK}}, {"link": MARK}, {"fullUrl": 7}, {"resource": {"resourceType": MARK}}),
)


def _transaction(*entries: Any, kind: Any = "transaction", **more: Any) -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries), **more}


def _condition(query: str) -> Json:
    return entry("POST", "Condition", condition(f"Patient?{query}"))


def _woven() -> dict[str, Json]:
    """Entries that point at each other, at themselves, at nothing; a bad one in each, so nothing may stay."""
    loop = condition("Patient/x", evidence=[{"detail": [{"reference": _ONE}]}])
    back = condition("Patient/x", evidence=[{"detail": [{"reference": _TWO}]}])
    same = entry("POST", "Patient", patient(), _ONE)
    big = [
        entry("POST", "Condition", loop, f"urn:uuid:{n:08d}-0000-4000-8000-000000000000") for n in range(2000)
    ]
    within = _transaction(entry("POST", "Patient", patient()))
    return {
        "a circle": _transaction(
            entry("POST", "Condition", back, _ONE), entry("POST", "Condition", loop, _TWO), _BAD
        ),
        "an entry that points at itself": _transaction(entry("POST", "Condition", loop, _ONE), _BAD),
        "the same fullUrl twice": _transaction(same, same),
        "the same fullUrl thrice in a batch": _transaction(*[{**_BAD, "fullUrl": _ONE}] * 3, kind="batch"),
        "one resource written and deleted": _transaction(
            entry("PUT", "Patient/a", patient("a")), entry("DELETE", "Patient/a")
        ),
        "one resource written twice": _transaction(*[entry("PUT", "Patient/a", patient("a"))] * 2),
        "two thousand entries and a bad one": _transaction(*big, _BAD),
        "ten thousand entries that are none": _transaction(*[{}] * 10_000),
        "a Bundle within a Bundle": _transaction(entry("POST", "Bundle", within), _BAD),
        "a Bundle contained": _transaction(entry("POST", "Patient", patient(contained=[within]))),
        "an entry that is no array": {"resourceType": "Bundle", "type": "transaction", "entry": {"0": MARK}},
        "entries that are null": {"resourceType": "Bundle", "type": "transaction", "entry": None},
        "no type": {"resourceType": "Bundle", "entry": [_BAD]},
        "a type that is none": _transaction(_BAD, kind=MARK),
        "a type that is an object": _transaction(_BAD, kind={"a": MARK}),
        "a type that is null": _transaction(_BAD, kind=None),
        "a total": _transaction(_BAD, total=10**30),
        "a link": _transaction(_BAD, link=[{"relation": "next", "url": MARK}]),
        "a signature": _transaction(_BAD, signature=MARK),
        "an unknown element": _transaction(_BAD, **{MARK: 1}),
        "a reference to a placeholder that is nobody's": _transaction(
            entry("POST", "Condition", condition(_TWO))
        ),
        "an identifier that nobody has": _transaction(_condition("identifier=urn:x|nobody")),
        "a condition on a null": _transaction(_condition("identifier=%00")),
        "a condition on half a surrogate": _transaction(_condition("identifier=%ed%a0%80")),
        "a condition on everything": _transaction(_condition("_count=1")),
        "a condition of ten thousand letters": _transaction(_condition("identifier=" + "z" * 10_000)),
        "a condition of a thousand parts": _transaction(_condition("&".join(["identifier=x"] * 1000))),
        "a condition that is a chain": _transaction(_condition("general-practitioner.name=" + MARKED_ID)),
        "a condition on a type that is not kept": _transaction(
            entry("POST", "Condition", condition("Claim?identifier=x"))
        ),
        "a reference of a megabyte": _transaction(entry("POST", "Condition", condition("A" * 1_000_000))),
        "a narrative of ten thousand anchors": _transaction(
            entry("POST", "Patient", patient(text={"status": "generated", "div": '<a href="x"/>' * 10_000}))
        ),
    }


def _asking(kind: str) -> dict[str, Json]:
    """Requests with one odd element."""
    found = {}
    for name in ("ifMatch", "ifNoneMatch", "ifNoneExist", "ifModifiedSince"):
        for value in (MARK, 7, None, "", "%00", 'W/"99999999999999999999"', "identifier=%00"):
            put = entry("PUT", "Patient/never", patient("never", birthDate=MARK))
            put["request"][name] = value
            found[f"{kind}: {name} {value}"] = _transaction(put, kind=kind)
    return found


def bundles() -> list[Attack]:
    """Posted to the root."""
    found = [posted(says, sent, "") for says, sent in _woven().items()]
    for kind in ("transaction", "batch"):
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"):
            resource = patient("other", birthDate=MARK) if method in ("POST", "PUT", "PATCH") else None
            for url in _URLS:
                sent = _transaction(entry(method, url, resource), kind=kind)
                found.append(posted(f"{kind}: {method} {url[:30]!r}", sent, ""))
        for odd in _ENTRIES:
            found.append(posted(f"{kind}: an entry {str(odd)[:50]}", _transaction(odd, kind=kind), ""))
        found += [posted(says, sent, "") for says, sent in _asking(kind).items()]
    return found
