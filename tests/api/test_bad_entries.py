"""A Bundle with one bad entry: the entry and its element are named, and nothing is stored."""

from typing import Any

import pytest

from tests.api.charts import condition, entry, issues, new_id, patient, therapy
from tests.kit.server import Running


def practitioner(identity: str) -> dict[str, Any]:
    """A Practitioner with an identifier."""
    npi = [{"system": "urn:npi", "value": "1"}]
    return {"resourceType": "Practitioner", "id": identity, "identifier": npi}


ONE_BAD_ENTRY = {
    "a date that does not exist": (
        lambda: entry("POST", "Procedure", therapy("Patient/x", "2024-02-30")),
        400,
        ("value", "Bundle.entry[1].resource.performedDateTime"),
    ),
    "a Condition without a patient": (
        lambda: entry("POST", "Condition", {"resourceType": "Condition"}),
        400,
        ("required", "Bundle.entry[1].resource.subject"),
    ),
    "a subject that is a group": (
        lambda: entry("POST", "Condition", condition("Group/g")),
        422,
        ("business-rule", "Bundle.entry[1].resource.subject"),
    ),
    "a placeholder that stands for nothing": (
        lambda: entry("POST", "Condition", condition("urn:uuid:7f2c6f9e-0000-4000-8000-000000000000")),
        422,
        ("business-rule", "Bundle.entry[1].resource.subject"),
    ),
    "a name that is no type": (
        lambda: entry("POST", "Sickness", {"resourceType": "Sickness"}),
        400,
        ("value", "Bundle.entry[1].resource.resourceType"),
    ),
    "another type than the URL's": (
        lambda: entry("POST", "Condition", patient()),
        400,
        ("invalid", "Bundle.entry[1].request.url"),
    ),
    "an id unlike the URL's": (
        lambda: entry("PUT", "Patient/a", patient("b")),
        400,
        ("value", "Bundle.entry[1].resource.id"),
    ),
    "a method that is not supported": (
        lambda: entry("PATCH", "Patient/a", patient("a")),
        400,
        ("not-supported", "Bundle.entry[1].request.method"),
    ),
    "a URL that is none": (
        lambda: entry("POST", "https://elsewhere/Patient", patient()),
        400,
        ("value", "Bundle.entry[1].request.url"),
    ),
    "a deletion by search": (
        lambda: entry("DELETE", "Patient?identifier=1"),
        400,
        ("value", "Bundle.entry[1].request.url"),
    ),
    "an update of nothing in particular": (
        lambda: entry("PUT", "Patient", patient("a")),
        400,
        ("value", "Bundle.entry[1].request.url"),
    ),
    "a path that is no type's": (
        lambda: entry("POST", "Sickness", patient()),
        400,
        ("value", "Bundle.entry[1].request.url"),
    ),
    "an id that the condition does not match": (
        lambda: entry("PUT", "Practitioner?identifier=urn:npi|1", practitioner("other")),
        400,
        ("value", "Bundle.entry[1].resource.id"),
    ),
    "a write without a resource": (
        lambda: entry("POST", "Patient"),
        400,
        ("required", "Bundle.entry[1]"),
    ),
    "the first entry's resource again": (
        lambda: entry("PUT", "Patient/twice", patient("twice", birthDate="1990")),
        400,
        ("duplicate", "Bundle.entry[1].request.url"),
    ),
    "a condition that nothing meets": (
        lambda: entry("POST", "Condition", condition("Patient?identifier=urn:mrn|nobody")),
        412,
        ("not-found", "Bundle.entry[1].resource.subject.reference"),
    ),
    "a condition that is not understood": (
        lambda: entry("POST", "Patient", patient(), ifNoneExist="hair=red"),
        400,
        ("not-supported", "Bundle.entry[1].request"),
    ),
    "a version that is not current": (
        lambda: entry("PUT", "Patient/late", patient("late"), ifMatch='W/"3"'),
        412,
        ("conflict", "Bundle.entry[1].request"),
    ),
}


@pytest.mark.parametrize("fault", ONE_BAD_ENTRY)
def test_one_bad_entry_and_nothing_is_stored(server: Running, fault: str) -> None:
    bad, status, issue = ONE_BAD_ENTRY[fault]
    server.put(practitioner("known"))
    before = server.dump()
    answer = server.send("transaction", entry("PUT", "Patient/twice", patient("twice")), bad())
    assert answer.status_code == status, answer.text
    assert issue in issues(answer.json())
    assert server.dump() == before


def test_every_bad_entry_is_named(server: Running) -> None:
    answer = server.send(
        "transaction",
        entry("POST", "Procedure", therapy("Patient/x", "2024-02-30")),
        entry("POST", "Patient", patient()),
        entry("POST", "Condition", {"resourceType": "Condition"}),
    )
    assert [path for _, path in issues(answer.json())] == [
        "Bundle.entry[0].resource.performedDateTime",
        "Bundle.entry[2].resource.subject",
    ]


def test_two_matches_for_one_condition_stop_everything(server: Running) -> None:
    twice = new_id("mrn")
    for _ in range(2):
        server.post(patient(identifier=[{"system": "urn:mrn", "value": twice}]))
    before = server.dump()
    answer = server.send(
        "transaction", entry("POST", "Condition", condition(f"Patient?identifier=urn:mrn|{twice}"))
    )
    assert (answer.status_code, issues(answer.json())) == (
        412,
        [("multiple-matches", "Bundle.entry[0].resource.subject.reference")],
    )
    assert server.dump() == before
