"""However much is wrong with a body, the answer is short, and other requests have theirs."""

from typing import Any

import pytest

from tests.api.charts import patient, statuses
from tests.kit.server import Running

Json = dict[str, Any]
MEGABYTE = 1024 * 1024
FEW, MANY = 49_000, 900_000
NULLS = {"resourceType": "Patient", "name": [{"given": [None] * 90, "prefix": [None] * 90}] * 9}


def bundle(kind: str, entry: list[Any]) -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": entry}


def referring(reference: str, times: int) -> Json:
    """A resource that refers to what an extension may, very often."""
    extension = {"url": "u", "valueReference": {"reference": reference}}
    return {"resourceType": "Organization", "name": "x", "extension": [extension] * times}


def posted(kind: str, *resources: Json) -> Json:
    request = {"method": "POST", "url": "Organization"}
    return bundle(kind, [{"resource": one, "request": request} for one in resources])


BODIES: dict[str, tuple[str, Json, int]] = {
    "a batch of a million entries": ("", bundle("batch", [{}] * MANY), 413),
    "a transaction of a million entries": ("", bundle("transaction", [{}] * MANY), 413),
    "a batch of very many empty entries": ("", bundle("batch", [{}] * FEW), 400),
    "a transaction of very many empty entries": ("", bundle("transaction", [{}] * FEW), 400),
    "a transaction of resources with much wrong in each": (
        "",
        bundle("transaction", [{"resource": NULLS, "request": {"method": "POST", "url": "Patient"}}] * 500),
        400,
    ),
    "a transaction with very many references by a search that is none": (
        "",
        posted("transaction", referring("Patient?a=b", 100_000)),
        400,
    ),
    "a transaction with very many references of an unknown kind": (
        "",
        posted("transaction", referring("Claim?a=b", 100_000)),
        400,
    ),
    "a transaction with very many references that nothing matches": (
        "",
        posted("transaction", referring("Patient?_id=q", 100_000)),
        412,
    ),
    "a transaction with very many conditions": (
        "",
        posted(
            "transaction",
            {
                "resourceType": "Organization",
                "name": "x",
                "extension": [
                    {"url": "u", "valueReference": {"reference": f"Patient?_id={n}"}} for n in range(20_000)
                ],
            },
        ),
        413,
    ),
    "a batch with very many references by a search": (
        "",
        posted("batch", referring("Patient?_id=q", 100_000)),
        400,
    ),
    "a million elements that R4 has not": (
        "/Patient",
        patient() | dict.fromkeys([f"a{n}" for n in range(MANY)], 1),
        400,
    ),
    "very many contained resources that nothing refers to": (
        "/Patient",
        patient(contained=[{"resourceType": "Patient", "id": f"c{n}"} for n in range(200_000)]),
        400,
    ),
    "very many contained resources that are none": ("/Patient", patient(contained=[{}] * MANY), 400),
}


@pytest.mark.parametrize("name", BODIES)
def test_the_answer_is_short_and_nothing_is_stored(server: Running, name: str) -> None:
    path, body, status = BODIES[name]
    before = server.dump()

    answer = server.http.post(path, json=body, timeout=60)

    assert answer.status_code == status
    assert len(answer.content) < 4 * MEGABYTE
    assert "too-costly" in {issue["code"] for issue in answer.json()["issue"]}
    assert server.dump() == before


def test_every_search_that_is_none_is_named_where_it_stands(server: Running) -> None:
    body = posted("transaction", referring("Patient?a=b", 300), referring("Patient?c=d", 300))
    answer = server.http.post("", json=body, timeout=60)
    told = [issue["expression"][0] for issue in answer.json()["issue"]]
    assert answer.status_code == 400
    assert told == [
        f"Bundle.entry[{entry}].resource.extension[{n}].valueReference.reference"
        for entry in (0, 1)
        for n in range(300)
    ]


def test_a_batch_with_a_little_wrong_in_each_entry_is_answered_entry_by_entry(server: Running) -> None:
    wrong = {"resource": {"resourceType": "Patient", "gender": "x"}}
    right = {"resource": patient()}
    asked = {"request": {"method": "POST", "url": "Patient"}}

    answer = server.http.post("", json=bundle("batch", [wrong | asked, right | asked] * 150), timeout=60)

    assert statuses(answer.json()) == ["400", "201"] * 150
