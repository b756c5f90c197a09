"""What the service gives out after work on the sample clinic: three foreign validators find it right."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from referral_service.clinic.chart import build
from referral_service.clinic.ehr import Ehr
from referral_service.clinic.stories import load
from referral_service.clock import SystemClock, local_day
from referral_service.fhir.check import check
from tests.foreign.validators import EACH, Validator
from tests.kit.processes import place, service, until

Json = dict[str, Any]

TODAY = local_day(SystemClock().now(), "UTC")
# One story for each set of outcomes and targets that the clinic has.
STORIES = {str([(e["outcome"], e.get("target")) for e in s["expect"]]): s for s in load()}.values()
WITHDRAWN = next(s for s in STORIES if s["expect"][0]["outcome"] == "exhausted")
PLAN = "spine-conservative-care"
WRITTEN_BY_US = {"GuidanceResponse", "ServiceRequest", "Task", "Provenance", "DetectedIssue"}
CONFORMANCE = {"PlanDefinition", "ValueSet", "CodeSystem", "StructureDefinition", "OperationDefinition"}
REFUSALS = [
    ("GET", "/Patient/nobody", None),
    ("GET", "/Claim/1", None),
    ("GET", "/Observation?subject.name=x", None),
    ("POST", "/Patient", b"{"),
    ("POST", "/Condition", b'{"resourceType": "Condition", "code": {}, "onsetDateTime": "2024-02-30"}'),
    ("POST", "", b'{"resourceType": "Bundle", "type": "batch", "entry": [{"resource": 5}]}'),
    ("DELETE", "/GuidanceResponse/1", None),
]


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    """Every answer, and every resource inside one."""
    settings = place(tmp_path_factory.mktemp("emitted"))
    address = f"http://127.0.0.1:{settings.port}"
    with service(settings), httpx.Client(base_url=f"{address}/fhir", timeout=30.0) as http:
        with Ehr(f"{address}/fhir") as ehr:
            for story in STORIES:
                ehr.in_one_transaction(build(story, TODAY))
            wait_until_quiet(address)
            ehr.in_one_transaction(build({**WITHDRAWN, "died": str(TODAY)}, TODAY))
            wait_until_quiet(address)
        people_answer(http)
        answers = [*pages(http), *other_answers(http)]
    inside = [e["resource"] for a in answers for e in a.get("entry", ()) if "resource" in e]
    return [*answers, *inside]


def people_answer(http: httpx.Client) -> None:
    """One draft is approved, one declined, and a review is claimed and completed."""
    note = {"name": "note", "valueString": "Seen."}
    reason = {"name": "reason", "valueCode": "not-now"}
    drafts = http.get("/ServiceRequest?status=draft&intent=proposal").json()["entry"]
    reviews = http.get("/Task?status=requested&code=review").json()["entry"]
    for resource, verb, parameters in (
        (drafts[0]["resource"], "approve", [note]),
        (drafts[1]["resource"], "decline", [reason, note]),
        (reviews[0]["resource"], "claim", []),
        (reviews[0]["resource"], "complete", [reason, note]),
    ):
        sent = {"resourceType": "Parameters", **({"parameter": parameters} if parameters else {})}
        http.post(f"/{resource['resourceType']}/{resource['id']}/${verb}", json=sent).raise_for_status()


def wait_until_quiet(address: str) -> None:
    """Nobody waits for an evaluation."""
    until(lambda: "\npatients_due 0.0" in httpx.get(f"{address}/metrics").text, "quiet")


def pages(http: httpx.Client) -> Iterator[Json]:
    """The capabilities, then all resources of all types that these name."""
    capabilities = http.get("/metadata").json()
    yield capabilities
    for one in capabilities["rest"][0]["resource"]:
        url: str | None = f"/{one['type']}?_count=100"
        while url is not None:
            page = http.get(url).raise_for_status().json()
            yield page
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)


def other_answers(http: httpx.Client) -> Iterator[Json]:
    """Histories, included resources, decisions for another day, refusals, responses of a Bundle."""
    patient = WITHDRAWN["id"]
    for url in (
        f"/Patient/{patient}/_history",
        f"/Task?patient=Patient/{patient}&_include=Task:focus",
        *(f"/Patient/{story['id']}/$assess?asOf=2026-06-01" for story in STORIES),
        *(f"/PlanDefinition/{PLAN}/$apply?subject=Patient/{story['id']}" for story in STORIES),
    ):
        yield http.get(url).raise_for_status().json()
    for method, url, content in REFUSALS:
        refused = http.request(
            method, url, content=content, headers={"Content-Type": "application/fhir+json"}
        )
        yield refused.json()
    one = {"request": {"method": "GET", "url": f"Patient/{patient}"}}
    none = {"request": {"method": "GET", "url": "Patient/nobody"}}
    yield http.post("", json={"resourceType": "Bundle", "type": "batch", "entry": [one, none]}).json()


def test_everything_was_given_out(emitted: list[Json]) -> None:
    kinds = {one["resourceType"] for one in emitted}
    assert kinds >= WRITTEN_BY_US | CONFORMANCE | {"CapabilityStatement", "OperationOutcome", "Bundle"}
    bundles = {one["type"] for one in emitted if one["resourceType"] == "Bundle"}
    assert bundles >= {"searchset", "history", "batch-response"}
    ours = {one["status"] for one in emitted if one["resourceType"] == "ServiceRequest"}
    assert ours >= {"draft", "revoked", "completed", "active"}


@EACH
def test_others_find_nothing_wrong(emitted: list[Json], validator: Validator) -> None:
    found = zip(emitted, validator(emitted), strict=True)
    assert [(one["resourceType"], errors) for one, errors in found if errors] == []


def test_our_own_checker_finds_nothing_wrong(emitted: list[Json]) -> None:
    found = [(one["resourceType"], check(one)) for one in emitted]
    assert [(kind, issues) for kind, issues in found if issues] == []
