"""People's verbs by HTTP: what they answer, what they refuse, and that a refusal changes nothing."""

from typing import Any

import pytest

from tests.api.charts import entry, issues, new_id, order
from tests.api.people import (
    CAUDA,
    DOCTOR,
    EXHAUSTED,
    NURSE,
    UNCLEAR,
    House,
    code,
    house,
    text,
)

__all__ = ["house"]

Json = dict[str, Any]


def test_an_approval_answers_the_order(house: House) -> None:
    patient = house.chart(*EXHAUSTED)
    (asked,) = house.ours(patient, "ServiceRequest")
    answer = house.say("approve", asked, text("note", "Agreed."))
    made = answer.json()
    assert (answer.status_code, made["intent"], made["status"]) == (200, "order", "active")
    assert made["identifier"][0]["value"] == asked["identifier"][0]["value"] + "|order"
    assert made["basedOn"] == [{"reference": f"ServiceRequest/{asked['id']}"}]
    assert made["note"][1]["authorReference"] == {"reference": NURSE}
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.headers["Location"].endswith(f"/ServiceRequest/{made['id']}/_history/1")
    expected = {"proposal": "completed", "order": "active", "approve": "completed", "fulfill": "draft"}
    assert house.statuses(patient) == expected
    house.judge()
    assert house.statuses(patient) == expected
    assert house.server.search("Task", focus=f"ServiceRequest/{made['id']}")["total"] == 1
    found = house.server.search("Provenance", target=f"ServiceRequest/{made['id']}")
    assert found["entry"][0]["resource"]["agent"][0]["who"] == {"reference": NURSE}


def test_whoever_says_nothing_of_themselves_is_the_demo_practitioner(house: House) -> None:
    (task,) = house.ours(house.chart(*UNCLEAR), "Task")
    claimed = house.server.http.post(f"/Task/{task['id']}/$claim").json()
    assert (claimed["status"], claimed["owner"]) == ("in-progress", {"reference": "Practitioner/demo"})


def test_a_declined_proposal_is_not_drafted_again(house: House) -> None:
    patient = house.chart(*EXHAUSTED)
    (asked,) = house.ours(patient, "ServiceRequest")
    declined = house.say("decline", asked, code("not-now"), text("note", "Later.")).json()
    assert (declined["id"], declined["status"]) == (asked["id"], "revoked")
    house.chart({"procedure": "97110", "on": -2, "id": "more"}, patient=patient)
    assert house.statuses(patient) == {"proposal": "revoked", "approve": "completed"}
    (task,) = house.ours(patient, "Task")
    assert task["output"][0]["valueCodeableConcept"]["coding"] == [{"code": "not-now"}]


def test_an_unsent_order_is_withdrawn(house: House) -> None:
    patient = house.chart(*EXHAUSTED)
    (asked,) = house.ours(patient, "ServiceRequest")
    made = house.say("approve", asked).json()
    assert house.say("withdraw", made).json()["status"] == "revoked"
    expected = {"proposal": "revoked", "order": "revoked", "approve": "cancelled", "fulfill": "cancelled"}
    assert house.statuses(patient) == expected


def test_a_task_goes_from_hand_to_hand(house: House) -> None:
    (task,) = house.ours(house.chart(*UNCLEAR), "Task")
    assert house.say("claim", task).json()["owner"] == {"reference": NURSE}
    for owner in (text("owner", DOCTOR), {"name": "owner", "valueReference": {"reference": DOCTOR}}):
        assert house.say("reassign", task, owner).json()["owner"] == {"reference": DOCTOR}
    assert "owner" not in house.say("release", task).json()
    done = house.say("complete", task, code("seen")).json()
    assert (done["status"], done["meta"]["versionId"]) == ("completed", "5")
    house.judge()
    assert [one["status"] for one in house.ours(task["for"]["reference"].split("/")[1], "Task")] == [
        "completed"
    ]


def test_a_red_flag_is_acknowledged_without_a_change(house: House) -> None:
    (asked,) = house.ours(house.chart(CAUDA), "ServiceRequest")
    assert house.say("acknowledge", asked).json() == asked
    again = house.say("acknowledge", asked)
    assert (again.status_code, "acknowledged" in again.text) == (409, True)


def test_a_wrong_state_is_named(house: House) -> None:
    (asked,) = house.ours(house.chart(*EXHAUSTED), "ServiceRequest")
    house.say("approve", asked)
    for verb, parameters in (("approve", []), ("decline", [code("x")])):
        answer = house.say(verb, asked, *parameters)
        assert (answer.status_code, issues(answer.json())) == (409, [("conflict", "")])
        assert "completed" in answer.json()["issue"][0]["diagnostics"]


def test_a_suspended_proposal_waits(house: House) -> None:
    patient = house.chart(*EXHAUSTED)
    (asked,) = house.ours(patient, "ServiceRequest")
    house.chart(CAUDA, patient=patient)
    answer = house.say("approve", asked)
    assert (answer.status_code, "on-hold" in answer.text) == (409, True)


@pytest.fixture
def asked(house: House) -> Json:
    """A proposal that is to be refused something; its Task is in the same place."""
    return house.ours(house.chart(*EXHAUSTED), "ServiceRequest")[0]


@pytest.fixture
def task(house: House, asked: Json) -> Json:
    return house.ours(asked["subject"]["reference"].split("/")[1], "Task")[0]


NAMELESS: Json = {"_name": {"extension": [{"url": "urn:x", "valueString": "x"}]}, "valueString": "x"}
NAMED: list[tuple[str, str, list[Json], tuple[str, str]]] = [
    ("asked", "decline", [], ("required", "reason")),
    ("asked", "decline", [text("note", "x")], ("required", "reason")),
    ("asked", "decline", [code("a b")], ("value", "reason")),
    ("asked", "decline", [{"name": "reason"}], ("invariant", "Parameters.parameter[0]")),
    ("asked", "decline", [{"name": "reason", "valueCodeableConcept": {"text": "x"}}], ("value", "reason")),
    ("asked", "approve", [{"name": "note", "valueCode": "x"}], ("value", "note")),
    ("asked", "approve", [NAMELESS], ("required", "Parameters.parameter[0].name")),
    ("asked", "approve", [text("note", "a"), text("note", "b")], ("not-supported", "note")),
    ("asked", "approve", [text("note", "a"), code("b")], ("not-supported", "Parameters.parameter[1]")),
    ("asked", "acknowledge", [text("Jane Doe", "a")], ("not-supported", "Parameters.parameter[0]")),
    ("task", "claim", [text("owner", DOCTOR)], ("not-supported", "Parameters.parameter[0]")),
    ("task", "reassign", [], ("required", "owner")),
    ("task", "reassign", [text("owner", "Patient/x")], ("value", "owner")),
    ("task", "reassign", [text("owner", "nobody")], ("value", "owner")),
    ("task", "reassign", [{"name": "owner", "valueReference": {"display": "x"}}], ("value", "owner")),
]


def test_a_wrong_parameter_is_named(house: House, asked: Json, task: Json) -> None:
    before = house.server.dump()
    for to, verb, parameters, issue in NAMED:
        answer = house.say(verb, {"asked": asked, "task": task}[to], *parameters)
        assert (answer.status_code, issues(answer.json())) == (400, [issue]), (verb, parameters)
        assert "Jane" not in answer.text
    assert house.server.dump() == before


def test_whatever_cannot_be_done_changes_nothing(house: House, asked: Json, task: Json) -> None:
    url, about = f"ServiceRequest/{asked['id']}", f"Task/{task['id']}"
    before = house.server.dump()
    http = house.server.http
    answers = {
        "a verb in the query": (http.post(f"/{url}/$decline?reason=x"), 400),
        "another resource": (http.post(f"/{url}/$approve", json=asked), 400),
        "no JSON": (http.post(f"/{url}/$approve", content=b"x"), 400),
        "another format": (http.post(f"/{url}/$approve", content=b"", headers={"accept": "text/html"}), 406),
        "nobody": (house.say("approve", "ServiceRequest/nobody"), 404),
        "no Task": (house.say("claim", "Task/nobody"), 404),
        "no verb": (house.say("claim", asked), 404),
        "by GET": (http.get(f"/{url}/$approve"), 405),
        "by a device": (house.say("approve", asked, X_Actor="Device/robot"), 403),
        "another version": (house.say("approve", asked, If_Match='W/"7"'), 412),
        "no version": (house.say("claim", task, If_Match='"x"'), 412),
        "for a review": (house.say("complete", task), 422),
        "for a red flag": (house.say("acknowledge", asked), 422),
        "not yet": (house.say("release", task), 409),
        "in a batch": (
            house.server.send("batch", entry("POST", f"{url}/$approve", {"resourceType": "Parameters"})),
            200,
        ),
        "a Task in a batch": (
            house.server.send("batch", entry("POST", f"{about}/$claim", {"resourceType": "Parameters"})),
            200,
        ),
        "in a transaction": (
            house.server.send(
                "transaction", entry("POST", f"{about}/$claim", {"resourceType": "Parameters"})
            ),
            400,
        ),
    }
    assert {why: answer.status_code for why, (answer, _) in answers.items()} == {
        why: status for why, (_, status) in answers.items()
    }
    for why in ("in a batch", "a Task in a batch"):
        (one,) = answers[why][0].json()["entry"]
        assert one["response"]["status"].startswith("400")
    assert house.server.dump() == before


def test_the_version_that_was_seen_may_be_said(house: House, asked: Json, task: Json) -> None:
    assert house.say("claim", task, If_Match='W/"1"').status_code == 200
    assert house.say("claim", task, If_Match='W/"1"').status_code == 412
    assert house.say("release", task, If_Match='W/"7", W/"1"').status_code == 412
    assert house.say("release", task, If_Match='W/"1", W/"2"').status_code == 200
    assert house.say("approve", asked, If_Match="*").status_code == 200


def test_what_an_ehr_wrote_is_changed_by_the_ehr(house: House) -> None:
    theirs = order(f"Patient/{new_id()}", id=new_id("theirs"), status="draft", intent="proposal")
    house.server.put(theirs)
    house.judge()
    for verb, parameters in (
        ("approve", []),
        ("decline", [code("x")]),
        ("withdraw", []),
        ("acknowledge", []),
    ):
        answer = house.say(verb, theirs, *parameters)
        assert (answer.status_code, issues(answer.json())) == (403, [("forbidden", "")])
    house.server.http.delete(f"/ServiceRequest/{theirs['id']}")
    assert house.say("approve", theirs).status_code == 410


def test_an_echo_of_our_order_is_not_our_order(house: House, asked: Json) -> None:
    made = house.say("approve", asked).json()
    echo = {name: value for name, value in made.items() if name != "meta"} | {"id": new_id("echo")}
    assert house.server.put(echo).status_code == 201
    house.judge()
    assert house.say("withdraw", echo).status_code == 403
    assert house.server.http.get(f"/ServiceRequest/{made['id']}").json()["status"] == "active"


def test_prefer_is_honoured(house: House, task: Json) -> None:
    answer = house.say("claim", task, Prefer="return=minimal")
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (200, b"", 'W/"2"')
