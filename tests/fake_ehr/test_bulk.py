"""Bulk export: asked for, waited for, fetched file by file, and thrown away."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from referral_service.fake_ehr.server import FakeEhr, Manners
from tests.fake_ehr.served import Served, order, served

ASYNC = {"Prefer": "respond-async", "Accept": "application/fhir+json"}


@pytest.fixture
def ehr() -> Iterator[Served]:
    """Three patients, each with an order, two of them in a Group; an Organization."""
    with served(FakeEhr(manners=Manners(export_lines=2, export_polls=1, retry_after_seconds=9))) as found:
        for name in ("ann", "bob", "cy"):
            found.ehr.put({"resourceType": "Patient", "id": name})
            found.ehr.put(order(name, id=f"of-{name}", subject={"reference": f"Patient/{name}"}))
        found.ehr.put({"resourceType": "Organization", "id": "clinic", "name": "Clinic"})
        members = [{"entity": {"reference": f"Patient/{name}"}} for name in ("ann", "bob")]
        group = {"type": "person", "actual": True, "member": members}
        found.ehr.put({"resourceType": "Group", "id": "spine", **group})
        yield found


def asked(ehr: Served, path: str) -> str:
    """Asks for an export; the address to ask at."""
    answer = ehr.http.get(path, headers=ASYNC)
    assert (answer.status_code, answer.content) == (202, b"")
    return answer.headers["Content-Location"]


def manifest(ehr: Served, address: str) -> dict[str, Any]:
    """What an export has given, once it is ready."""
    while (answer := ehr.http.get(address)).status_code == 202:
        pass
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    found: dict[str, Any] = answer.json()
    return found


def lines(ehr: Served, files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Everything in the files of a manifest."""
    found = []
    for file in files:
        answer = ehr.http.get(file["url"])
        assert answer.headers["Content-Type"] == "application/fhir+ndjson"
        resources = [json.loads(line) for line in answer.text.splitlines()]
        assert {one["resourceType"] for one in resources} == {file["type"]}
        assert len(resources) == file["count"]
        found += resources
    return found


def ids(ehr: Served, path: str) -> set[str]:
    """The ids that an export has."""
    return {one["id"] for one in lines(ehr, manifest(ehr, asked(ehr, path))["output"])}


def test_an_export_is_waited_for_and_has_files_of_limited_size(ehr: Served) -> None:
    address = asked(ehr, "/$export")

    waiting = ehr.http.get(address)
    assert (waiting.status_code, waiting.headers["Retry-After"]) == (202, "9")
    assert waiting.headers["X-Progress"] == "0%"
    ready = manifest(ehr, address)

    assert ready["request"] == f"{ehr.address}/$export"
    assert ready["requiresAccessToken"] is False
    assert (ready["deleted"], ready["error"]) == ([], [])
    patients = [file for file in ready["output"] if file["type"] == "Patient"]
    assert [file["count"] for file in patients] == [2, 1]
    assert len(lines(ehr, ready["output"])) == 8


def test_an_export_may_be_of_patients_or_of_a_group(ehr: Served) -> None:
    everybody = {"ann", "bob", "cy", "of-ann", "of-bob", "of-cy"}

    assert ids(ehr, "/Patient/$export") == everybody
    assert ids(ehr, "/Group/spine/$export") == everybody - {"cy", "of-cy"}
    assert ids(ehr, "/$export?_type=Organization,Group") == {"clinic", "spine"}


def test_the_next_export_has_what_changed_since_and_what_was_deleted(ehr: Served) -> None:
    before = manifest(ehr, asked(ehr, "/$export"))["transactionTime"]
    while ehr.ehr.put({"resourceType": "Patient", "id": "dee"})["meta"]["lastUpdated"] == before:
        pass
    ehr.http.delete("/ServiceRequest/of-cy")
    ehr.http.delete("/ServiceRequest/of-ann")

    whole = manifest(ehr, asked(ehr, f"/$export?_since={before}"))
    group = manifest(ehr, asked(ehr, f"/Group/spine/$export?_since={before}"))

    assert "dee" in {one["id"] for one in lines(ehr, whole["output"])}
    deleted = [one["entry"][0]["request"] for one in lines(ehr, whole["deleted"])]
    assert sorted(one["url"] for one in deleted) == ["ServiceRequest/of-ann", "ServiceRequest/of-cy"]
    assert {one["method"] for one in deleted} == {"DELETE"}
    [only] = lines(ehr, group["deleted"])
    assert only["entry"][0]["request"]["url"] == "ServiceRequest/of-ann"


def test_an_export_stays_as_it_was_and_can_be_thrown_away(ehr: Served) -> None:
    address = asked(ehr, "/Patient/$export")
    ehr.ehr.put({"resourceType": "Patient", "id": "late"})

    files = manifest(ehr, address)["output"]
    assert "late" not in {one["id"] for one in lines(ehr, files)}

    assert ehr.http.delete(address).status_code == 202
    assert ehr.http.get(f"{asked(ehr, '/$export')}/None.1.ndjson").status_code == 404
    gone = [ehr.http.get(address), ehr.http.delete(address), ehr.http.get(files[0]["url"])]
    assert [answer.status_code for answer in gone] == [404, 404, 404]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/$export", {}, 400),
        ("/$export?_since=yesterday", ASYNC, 400),
        ("/$export?_outputFormat=csv", ASYNC, 400),
        ("/$export?_typeFilter=x", ASYNC, 400),
        ("/Group/nobody/$export", ASYNC, 404),
        ("/_export/none/Patient.1.ndjson", {}, 404),
    ],
)
def test_what_cannot_be_exported_is_refused(
    ehr: Served, path: str, headers: dict[str, str], status: int
) -> None:
    assert ehr.http.get(path, headers=headers).status_code == status


def test_files_need_a_token_too_where_tokens_are_needed() -> None:
    keys = {"keys": [ECKey.generate_key("P-384").as_dict(private=False)]}
    with served(FakeEhr(clients={"us": keys})) as ehr:
        assert httpx.get(f"{ehr.address}/_export/x/Patient.1.ndjson").status_code == 401
