"""Reading one resource, searching page by page, and writing: what goes out, and what comes back."""

from collections.abc import Mapping
from decimal import Decimal
from json import loads
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from referral_service.core.problem import Category, Problem
from referral_service.ehr.endpoint import Limits
from tests.ehr.conftest import Client
from tests.ehr.other_side import by_path, gives, other_side, page, patient, says

BUNDLE = {"resourceType": "Bundle", "type": "transaction", "entry": []}
DONE = {"resourceType": "Bundle", "type": "transaction-response", "entry": []}


@pytest.mark.parametrize(
    "reference", ["Patient/1", "Patient/1/_history/3", "{fhir}/Patient/1", "{fhir}/Patient/1/_history/3"]
)
def test_a_reference_is_read(client: Client, reference: str) -> None:
    with other_side(gives(patient("1"))) as side:
        reference = reference.format(fhir=side.fhir)
        assert client(side.fhir).read(reference) == patient("1")
        assert side.paths == ["/fhir/" + reference.removeprefix(f"{side.fhir}/")]
        assert side.asked[0].headers["Accept"] == "application/fhir+json"
        assert side.asked[0].headers["Authorization"] is None


def test_decimals_keep_their_digits(client: Client) -> None:
    body = b'{"resourceType": "Observation", "id": "1", "valueQuantity": {"value": 7.10}}'
    with other_side(says(200, body)) as side:
        found = client(side.fhir).read("Observation/1")
    assert found and str(found["valueQuantity"]["value"]) == "7.10"
    assert found["valueQuantity"]["value"] == Decimal("7.1")


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_is_none(client: Client, status: int) -> None:
    with other_side(says(status, b"<html>")) as side:
        assert client(side.fhir).read("Patient/1") is None
        assert len(side.asked) == 1


@pytest.mark.parametrize(
    "other", [patient("2"), {"resourceType": "Observation", "id": "1"}, {"resourceType": "Patient"}]
)
def test_another_resource_than_was_asked_for_is_a_fault(client: Client, other: Mapping[str, Any]) -> None:
    with other_side(gives(other)) as side, pytest.raises(Problem) as caught:
        client(side.fhir).read("Patient/1")
    assert caught.value.category is Category.FAULT


@pytest.mark.parametrize(
    ("reference", "category"),
    [
        ("{fhir}/metadata", Category.INCORRECT),
        ("{fhir}/Patient/1?_format=xml", Category.INCORRECT),
        ("{fhir}?_format=/Patient/1", Category.INCORRECT),
        ("Patients/1", Category.INCORRECT),
        ("{fhir}/Patients/1", Category.INCORRECT),
        ("Patient/..", Category.FORBIDDEN),
        ("{fhir}/Patient/..", Category.INCORRECT),
        ("Patient/1\n", Category.FORBIDDEN),
        ("Patient?identifier=1", Category.FORBIDDEN),
        ("#contained", Category.FORBIDDEN),
        ("urn:uuid:0c3f4c1e-4a1c-4d8a-9d5e-1f2a3b4c5d6e", Category.FORBIDDEN),
        ("", Category.FORBIDDEN),
    ],
)
def test_what_names_no_resource_is_not_asked_for(client: Client, reference: str, category: Category) -> None:
    with other_side(gives(patient("1"))) as side, pytest.raises(Problem) as caught:
        client(side.fhir).read(reference.format(fhir=side.fhir))
    assert caught.value.category is category
    assert side.asked == []


def test_a_search_goes_through_its_pages(client: Client) -> None:
    def second(talk: Any) -> None:
        outcome = {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}}
        bare = [
            {"resource": patient("3")},
            {"fullUrl": "urn:x"},
            outcome,
            {"resource": {"resourceType": "OperationOutcome"}},
        ]
        gives(page() | {"entry": bare})(talk)

    first = page(patient("1"), patient("2"), onward="Patient?_page=opaque%7C2&x=a+b")
    included = {"resource": {"resourceType": "Practitioner", "id": "9"}, "search": {"mode": "include"}}
    first["entry"].append(included)
    with other_side(gives(first), second) as side:
        found = client(side.fhir).search("Patient", [("identifier", "urn:x|ä b&c"), ("_count", "2")])
        assert [one["id"] for one in found] == ["1", "2", "9", "3"]
        asked = urlsplit(side.paths[0])
        assert asked.path == "/fhir/Patient"
        assert parse_qsl(asked.query) == [("identifier", "urn:x|ä b&c"), ("_count", "2")]
        assert side.paths[1] == "/fhir/Patient?_page=opaque%7C2&x=a+b"
        assert side.asked[0].headers["Prefer"] == "handling=strict"


@pytest.mark.parametrize("severity", ["error", "fatal"])
def test_a_search_that_says_it_has_failed_has_not_found_nothing(client: Client, severity: str) -> None:
    """Else an order that is there would be sent again."""
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "timeout"}]}
    with other_side(
        gives(page() | {"entry": [{"resource": outcome, "search": {"mode": "outcome"}}]})
    ) as side:
        with pytest.raises(Problem) as caught:
            list(client(side.fhir).search("ServiceRequest", [("identifier", "urn:x|1")]))
        assert caught.value.category is Category.UNAVAILABLE


def test_pages_are_asked_for_when_they_are_due(client: Client) -> None:
    with other_side(gives(page(patient("1"), onward="/fhir?_getpages=2")), gives(page())) as side:
        pages = client(side.fhir).pages("Patient", [])
        assert next(pages)["entry"][0]["resource"] == patient("1")
        assert side.paths == ["/fhir/Patient"]
        assert "entry" in next(pages)
        assert next(pages, None) is None
        assert side.paths == ["/fhir/Patient", "/fhir?_getpages=2"]


@pytest.mark.parametrize("onward", ["/fhir?_page=1#again", "", "Patient"])
def test_pages_that_lead_back_end(client: Client, onward: str) -> None:
    with other_side(gives(page(patient("1"), onward=onward))) as side, pytest.raises(Problem) as caught:
        list(client(side.fhir).search("Patient", []))
    assert caught.value.category is Category.FAULT
    assert len(side.asked) <= 2


def test_pages_without_end_end(client: Client) -> None:
    def another(talk: Any) -> None:
        gives(page(onward=f"/fhir?_page={len(talk.side.asked)}"))(talk)

    with other_side(another) as side, pytest.raises(Problem) as caught:
        list(client(side.fhir, Limits(pages=5)).search("Patient", []))
    assert caught.value.category is Category.FAULT
    assert len(side.asked) == 5


@pytest.mark.parametrize(
    "wrong",
    [
        patient("1"),
        {"resourceType": "Bundle", "entry": 5},
        {"resourceType": "Bundle", "entry": ["Patient/1"]},
        {"resourceType": "Bundle", "entry": [{"resource": []}]},
        {"resourceType": "Bundle", "link": [{"relation": "next", "url": {}}]},
    ],
)
def test_what_is_no_searchset_is_a_fault(client: Client, wrong: Mapping[str, Any]) -> None:
    with other_side(gives(wrong)) as side, pytest.raises(Problem) as caught:
        list(client(side.fhir).search("Patient", []))
    assert caught.value.category is Category.FAULT


def test_only_types_of_r4_are_searched(client: Client) -> None:
    with other_side(gives(page())) as side, pytest.raises(Problem) as caught:
        list(client(side.fhir).search("../Patient", []))
    assert caught.value.category is Category.INCORRECT
    assert side.asked == []


def test_a_transaction_is_posted_to_the_base(client: Client) -> None:
    with other_side(gives(DONE)) as side:
        assert client(side.fhir).transaction(BUNDLE) == DONE
        assert [(one.method, one.path) for one in side.asked] == [("POST", "/fhir")]
        assert loads(side.asked[0].body) == BUNDLE
        assert side.asked[0].headers["Content-Type"] == "application/fhir+json"


@pytest.mark.parametrize("answer", [says(200), gives(patient("1")), says(202)])
def test_a_transaction_is_answered_by_a_bundle(client: Client, answer: Any) -> None:
    with other_side(answer) as side, pytest.raises(Problem) as caught:
        client(side.fhir).transaction(BUNDLE)
    assert caught.value.category is Category.FAULT
    assert len(side.asked) == 1


def test_an_update_says_which_version_it_changes(client: Client) -> None:
    stored = patient("1") | {"meta": {"versionId": "8"}}
    with other_side(by_path({"/fhir/Patient/1": gives(stored)})) as side:
        assert client(side.fhir).update(patient("1"), "7") == stored
        assert client(side.fhir).update(patient("1")) == stored
        assert [one.method for one in side.asked] == ["PUT", "PUT"]
        assert [one.headers["If-Match"] for one in side.asked] == ['W/"7"', None]


@pytest.mark.parametrize("answer", [says(204), says(201), gives({"resourceType": "OperationOutcome"})])
def test_an_update_that_is_not_told_back_is_what_was_sent(client: Client, answer: Any) -> None:
    with other_side(answer) as side:
        assert client(side.fhir).update(patient("1")) == patient("1")


@pytest.mark.parametrize(
    ("resource", "version"),
    [
        ({"resourceType": "Patient"}, ""),
        ({"resourceType": "Patient", "id": None}, ""),
        ({"resourceType": "Patient", "id": ".."}, ""),
        ({"resourceType": "Patient", "id": "x/Patient/1"}, ""),
        ({"resourceType": "Patients", "id": "1"}, ""),
        ({}, ""),
        (patient("1"), '7"\r\nX-Injected: 1'),
    ],
)
def test_an_update_without_a_place_is_not_sent(
    client: Client, resource: dict[str, Any], version: str
) -> None:
    with other_side(gives(patient("1"))) as side, pytest.raises(Problem) as caught:
        client(side.fhir).update(resource, version)
    assert caught.value.category is Category.INCORRECT
    assert side.asked == []


def test_no_session_is_kept(client: Client) -> None:
    with other_side(gives(patient("1"), Set_Cookie="session=of-another-patient; Path=/")) as side:
        ehr = client(side.fhir)
        ehr.read("Patient/1")
        ehr.read("Patient/1")
        assert [one.headers["Cookie"] for one in side.asked] == [None, None]
        ehr.close()
