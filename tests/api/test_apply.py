"""`PlanDefinition/ID/$apply`: what the plan comes to for a patient, as a CarePlan, and nothing stored."""

from typing import Any

import httpx
import pytest
from fhir.resources.R4B.careplan import CarePlan

from referral_service.clinic.chart import build
from referral_service.fhir.check import check
from tests.api.charts import CANONICAL, entry, issues, new_id
from tests.kit.server import Running

Json = dict[str, Any]
PLAN = "/PlanDefinition/spine-conservative-care/$apply"
DISC = {"condition": "M51.360", "onset": -264}
CARE: list[Json] = [
    {"procedure": "97110", "every": {"from": -210, "to": -40, "step": 7}},
    {"medication": "198014", "from": -212, "supply": 180},
    {"score": "97909-6", "value": 48, "unit": "%", "on": -208},
    {"score": "97909-6", "value": 46, "unit": "%", "on": -12},
]
IMAGING = {"imaging": "24968-0", "on": -137}
CAUDA_EQUINA = {"condition": "G83.4", "onset": -1}


def sent(server: Running, *given: Json) -> str:
    """The id of a new patient with this story; its days are relative to today."""
    story = {"id": new_id("apply"), "given": list(given)}
    for resource in build(story, server.service.clock.as_of().date()):
        assert server.put(resource).status_code == 201
    return str(story["id"])


def applied(server: Running, patient: str) -> Json:
    answer = server.http.get(PLAN, params={"subject": f"Patient/{patient}"})
    assert answer.status_code == 200, answer.text
    plan: Json = answer.json()
    assert check(plan) == []
    CarePlan.model_validate_json(answer.content)
    return plan


def contained(plan: Json, kind: str) -> list[Json]:
    return [one for one in plan["contained"] if one["resourceType"] == kind]


def requests(plan: Json) -> list[Json]:
    """What the actions of its one RequestGroup refer to."""
    (group,) = contained(plan, "RequestGroup")
    assert plan["activity"] == [{"reference": {"reference": f"#{group['id']}"}}]
    by_id = {f"#{one['id']}": one for one in plan["contained"]}
    return [by_id[action["resource"]["reference"]] for action in group.get("action", ())]


def test_an_exhausted_trial_comes_to_a_proposal(server: Running) -> None:
    patient = sent(server, DISC, *CARE, IMAGING)
    plan = applied(server, patient)
    assert (plan["status"], plan["intent"]) == ("draft", "proposal")
    assert plan["instantiatesCanonical"] == [f"{CANONICAL}/PlanDefinition/spine-conservative-care|1.0.0"]
    assert plan["subject"] == {"reference": f"Patient/{patient}"}
    (proposal,) = requests(plan)
    said = [proposal[name] for name in ("resourceType", "status", "intent", "priority")]
    assert said == ["ServiceRequest", "draft", "proposal", "routine"]
    assert proposal["orderDetail"][0]["coding"][0]["code"] == "intradiscal"
    assert proposal["reasonCode"][0]["coding"][0]["code"] == "M51.360"
    assert proposal["supportingInfo"][0] == plan["supportingInfo"][0]
    assert "identifier" not in proposal


def test_a_red_flag_comes_to_one_urgent_proposal(server: Running) -> None:
    (urgent,) = requests(applied(server, sent(server, DISC, *CARE, IMAGING, CAUDA_EQUINA)))
    assert (urgent["priority"], urgent["status"]) == ("stat", "draft")
    assert urgent["orderDetail"][0]["coding"][0]["code"] == "surgical"


def test_what_is_unclear_comes_to_a_review(server: Running) -> None:
    (review,) = requests(applied(server, sent(server, DISC, *CARE)))
    assert [review[name] for name in ("resourceType", "status", "intent")] == ["Task", "draft", "proposal"]
    assert review["reasonCode"]["coding"][0]["code"] == "imaging-missing"


def test_a_trial_that_goes_on_comes_to_nothing_yet(server: Running) -> None:
    plan = applied(server, sent(server, DISC))
    assert requests(plan) == []
    assert len(contained(plan, "GuidanceResponse")) == 1


def test_it_says_what_assess_says_and_stores_nothing(server: Running) -> None:
    patient = sent(server, DISC, *CARE, IMAGING, {"condition": "M50.322", "onset": -40})
    before = server.dump()
    told = [one["parameter"] for one in contained(applied(server, patient), "Parameters")]
    assessed = server.http.get(f"/Patient/{patient}/$assess").json()["entry"]
    assert told == [one["resource"]["contained"][0]["parameter"] for one in assessed]
    assert len(told) == 2
    assert server.dump() == before


def posted(server: Running, *parameters: Json, to: str = PLAN) -> httpx.Response:
    return server.http.post(to, json={"resourceType": "Parameters", "parameter": list(parameters)})


def test_parameters_are_posted_too(server: Running) -> None:
    patient = sent(server, DISC, *CARE, IMAGING)
    context = {"name": "setting", "valueCodeableConcept": {"text": "outpatient"}}
    for subject in (
        {"valueString": f"Patient/{patient}"},
        {"valueReference": {"reference": f"Patient/{patient}"}},
    ):
        answer = posted(server, {"name": "subject", **subject}, context)
        assert requests(answer.json())[0]["priority"] == "routine"
    answer = posted(server, {"name": "asOf", "valueDate": "2020-01-01"}, to=f"/Patient/{patient}/$assess")
    output = answer.json()["entry"][0]["resource"]["contained"][0]["parameter"]
    assert output[0] == {"name": "outcome", "valueCode": "no-qualifying-condition"}


def test_a_post_says_in_its_address_what_a_get_does(server: Running) -> None:
    asked = f"{PLAN}?subject=Patient/{sent(server)}"
    assert posted(server, {"name": "setting", "valueString": "x"}, to=asked).status_code == 200
    assert server.http.post(asked).json()["resourceType"] == "CarePlan"
    twice = posted(server, {"name": "subject", "valueString": "Patient/a"}, to=asked)
    assert issues(twice.json()) == [("not-supported", "subject")]
    assert issues(server.http.post(f"{PLAN}?planDefinition=x").json()) == [
        ("not-supported", "planDefinition")
    ]


def test_it_can_be_an_entry_of_a_batch(server: Running) -> None:
    patient = sent(server, DISC)
    (one,) = server.send("batch", entry("GET", f"{PLAN[1:]}?subject=Patient/{patient}")).json()["entry"]
    assert one["resource"]["resourceType"] == "CarePlan"


@pytest.mark.parametrize(
    ("asked", "issue"),
    [
        ({}, ("required", "subject")),
        ({"subject": ""}, ("value", "subject")),
        ({"subject": "apply"}, ("value", "subject")),
        ({"subject": "Group/g"}, ("value", "subject")),
        ({"subject": ["Patient/a", "Patient/b"]}, ("not-supported", "subject")),
        ({"subject": "Patient/a", "planDefinition": "x"}, ("not-supported", "planDefinition")),
        ({"subject": "Patient/a", "Jane Doe": "x"}, ("not-supported", "")),
    ],
)
def test_a_wrong_parameter_is_named(server: Running, asked: Json, issue: tuple[str, str]) -> None:
    answer = server.http.get(PLAN, params=asked)
    assert answer.status_code == 400
    assert issues(answer.json()) == [issue]


def test_what_there_is_not_is_not_found(server: Running) -> None:
    for url in (
        f"{PLAN}?subject=Patient/nobody",
        f"/PlanDefinition/other/$apply?subject=Patient/{sent(server)}",
    ):
        answer = server.http.get(url)
        assert (answer.status_code, issues(answer.json())) == (404, [("not-found", "")])
    gone = sent(server)
    server.http.delete(f"/Patient/{gone}")
    assert server.http.get(PLAN, params={"subject": f"Patient/{gone}"}).status_code == 410


def test_it_is_asked_by_get_or_by_post_of_parameters(server: Running) -> None:
    assert server.http.put(PLAN, json={}).headers["Allow"] == "GET, HEAD, POST"
    answer = server.http.post(PLAN, json={"resourceType": "Patient"})
    assert (answer.status_code, issues(answer.json())) == (400, [("invalid", "resourceType")])
    only = {"name": "practitioner", "valueString": "Practitioner/p"}
    assert issues(posted(server, only).json()) == [("required", "subject")]
