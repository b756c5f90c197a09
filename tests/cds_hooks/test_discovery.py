"""What is offered, as a client finds it before it calls."""

import re

import httpx

from referral_service.fhir.check import R4_TYPES
from tests.cds_hooks.client import Client

HOOKS = {"patient-view", "order-sign", "problem-list-item-create"}


def test_there_is_one_service_for_each_hook(client: Client) -> None:
    answer = httpx.get(client.address)

    services = answer.json()["services"]
    assert answer.headers["content-type"] == "application/json"
    assert {one["hook"] for one in services} == HOOKS
    assert len({one["id"] for one in services}) == len(services)
    for one in services:
        assert {"id", "hook", "title", "description", "prefetch", "usageRequirements"} == one.keys()
        assert all(isinstance(one[name], str) and one[name] for name in one.keys() - {"prefetch"})


def test_each_template_is_a_read_or_a_search_about_the_patient(client: Client) -> None:
    templates = client.templates()

    assert templates.pop("patient") == "Patient/{{context.patientId}}"
    for template in templates.values():
        kind, _, query = template.partition("?")
        assert kind in R4_TYPES
        assert query.startswith("patient={{context.patientId}}")
        assert re.findall(r"{{(.*?)}}", template) == ["context.patientId"]
        assert len(template) < 2000


def test_scores_are_asked_for_by_the_codes_that_the_pathway_reads(client: Client) -> None:
    scores = client.templates()["scores"]

    assert "http://loinc.org|97909-6" in scores  # Oswestry
    assert "http://loinc.org|82810-3" in scores  # pregnancy status
    assert "8867-4" not in scores  # heart rate


def test_a_service_that_there_is_not_is_not_found(client: Client) -> None:
    assert client.post("appointment-book", {}).status_code == 404
    assert httpx.get(f"{client.address}/patient-view").status_code == 405
