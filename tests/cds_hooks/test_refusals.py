"""What is wrong is refused with its element named, no value repeated, and nothing stored."""

from typing import Any

import httpx
import pytest

from tests.cds_hooks.broken import ALL, CONDITION, SECRET, VIEW, Broken
from tests.cds_hooks.client import Client, bundle, call

Json = dict[str, Any]
CAUDA = {
    **CONDITION,
    "id": "cauda",
    "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "G83.4"}]},
}


def test_there_are_faults_enough() -> None:
    assert len(ALL) >= 90 and len({one.name for one in ALL}) == len(ALL)


@pytest.mark.parametrize("broken", ALL, ids=lambda one: one.name)
def test_a_fault_is_named_and_stores_nothing(client: Client, broken: Broken) -> None:
    before = client.server.dump()
    answer = client.post(broken.path, broken.said)

    assert answer.status_code == broken.status, answer.text
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    named = [one.get("expression", [""])[0] for one in outcome["issue"]]
    assert broken.expression in named, named
    assert all(one["diagnostics"] for one in outcome["issue"])
    assert SECRET not in answer.text
    assert client.server.dump() == before


def test_every_fault_is_named_at_once(client: Client) -> None:
    said = {"hook": 1, "hookInstance": 2, "context": {"patientId": 3}, "fhirAuthorization": {}, "prefetch": 4}
    named = [one["expression"][0] for one in client.post("patient-view", said).json()["issue"]]

    assert {"hook", "hookInstance", "context.userId", "context.patientId", "fhirServer", "prefetch"} <= {
        *named
    }
    assert "fhirAuthorization.access_token" in named


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/xml"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
        ({"Content-Type": "application/json; charset=utf-16"}, 415),
    ],
)
def test_another_format_is_refused(client: Client, headers: dict[str, str], status: int) -> None:
    answer = httpx.post(f"{client.address}/patient-view", content=b"{}", headers=headers)

    assert answer.status_code == status


def test_a_body_over_the_limit_is_refused_before_it_is_read(client: Client) -> None:
    most = client.server.service.settings.max_body_mb * 1024 * 1024

    assert client.post("patient-view", b" " * (most + 1)).status_code == 413


def test_elements_that_nobody_has_defined_yet_may_come(client: Client) -> None:
    said = {**VIEW, "newer": 1, "context": {**VIEW["context"], "newer": {"a": 1}}}

    assert client.post("patient-view", said).status_code == 412


@pytest.mark.parametrize("rest", [{}, {"scores": bundle([{**CONDITION, "resourceType": "Observation"}])}])
def test_what_is_missing_or_wrong_elsewhere_never_hides_a_red_flag(client: Client, rest: Json) -> None:
    day = client.server.service.clock.as_of().date().isoformat()
    flag = {**CAUDA, "onsetDateTime": day}
    (card,) = client.cards(call("patient-view", "p1", {"conditions": bundle([flag]), **rest}))

    assert card["indicator"] == "critical"
    assert "Not looked at, because it was not sent: patient, procedures" in card["detail"]
    assert ("not valid FHIR" in card["detail"]) == bool(rest)


def test_what_is_null_was_looked_for_and_is_not_there(client: Client) -> None:
    prefetch = {**dict.fromkeys(client.templates()), "patient": {"resourceType": "Patient", "id": "p1"}}

    assert client.cards(call("patient-view", "p1", prefetch)) == []


def test_nothing_of_a_call_is_kept_in_the_store(client: Client) -> None:
    chart = client.chart("kept", {"condition": "M51.26", "onset": -30})
    before = client.server.dump()

    assert client.cards(call("patient-view", "kept", client.prefetch(chart)))
    assert client.server.dump() == before
