"""Transactions: all entries or none, in R4's order, with references that follow what they mean."""

from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from tests.api.charts import condition, entry, issues, new_id, order, patient, score, statuses, therapy
from tests.kit.server import Running, ids


def urn() -> str:
    """A fullUrl of a resource that has no address yet."""
    return f"urn:uuid:{uuid4()}"


def mrn(of: str) -> list[dict[str, Any]]:
    """An identifier."""
    return [{"system": "urn:mrn", "value": of}]


def place_of(bundle: dict[str, Any], index: int) -> str:
    """Type/id of what an entry wrote."""
    return str(bundle["entry"][index]["response"]["location"].partition("/_history")[0])


def test_a_whole_chart_arrives_with_its_references_rewritten(server: Running) -> None:
    who, why = urn(), urn()
    visit = therapy(who, "2026-01-05", reasonReference=[{"reference": why}], identifier=[{"value": who}])
    text = {
        "status": "generated",
        "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{who}">x</a></div>',
    }
    answer = server.send(
        "transaction",
        entry("POST", "Procedure", {**visit, "text": text}, urn()),
        entry("POST", "Condition", condition(who), why),
        entry("POST", "Patient", patient("ignored"), who),
    )
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert made["type"] == "transaction-response"
    assert statuses(made) == ["201", "201", "201"]
    the_patient, the_reason = place_of(made, 2), place_of(made, 1)
    stored = server.http.get(f"/{place_of(made, 0)}").json()
    assert stored["subject"]["reference"] == the_patient
    assert stored["reasonReference"][0]["reference"] == the_reason
    assert f'href="{the_patient}"' in stored["text"]["div"]
    assert stored["identifier"][0]["value"] == who
    assert ids(server.search("Condition", patient=the_patient)) == [the_reason.partition("/")[2]]


def test_references_relative_to_the_senders_server_follow_too(server: Running) -> None:
    ehr, old = "https://ehr.example/r4", new_id("old")
    answer = server.send(
        "transaction",
        entry("POST", "Patient", patient(old), f"{ehr}/Patient/{old}"),
        entry("POST", "Condition", condition(f"Patient/{old}"), f"{ehr}/Condition/c"),
        entry("POST", "Condition", condition(f"{ehr}/Patient/{old}"), urn()),
    ).json()
    for index in (1, 2):
        stored = server.http.get(f"/{place_of(answer, index)}").json()
        assert stored["subject"]["reference"] == place_of(answer, 0)


def test_an_untidy_sender_without_full_urls_is_understood(server: Running) -> None:
    old = new_id("old")
    answer = server.send(
        "transaction",
        entry("POST", "Patient", patient(old)),
        entry("POST", "Condition", condition(f"Patient/{old}", id="c")),
    ).json()
    stored = server.http.get(f"/{place_of(answer, 1)}").json()
    assert stored["subject"]["reference"] == place_of(answer, 0)


def test_the_order_is_delete_post_put_get(server: Running) -> None:
    gone, kept = new_id(), new_id()
    server.put(patient(gone))
    answer = server.send(
        "transaction",
        entry("GET", f"Patient/{kept}"),
        entry("PUT", f"Patient/{kept}", patient(kept, birthDate="1980")),
        entry("GET", f"Condition?patient={kept}"),
        entry("POST", "Condition", condition(f"Patient/{kept}")),
        entry("DELETE", f"Patient/{gone}"),
        entry("DELETE", "Patient/never-was"),
        entry("GET", f"Patient/{gone}/_history"),
    ).json()
    assert statuses(answer) == ["200", "201", "200", "201", "204", "204", "200"]
    assert answer["entry"][6]["resource"]["total"] == 2
    assert answer["entry"][0]["resource"]["birthDate"] == "1980"
    assert answer["entry"][2]["resource"]["total"] == 1


def test_conditional_references_find_what_is_stored_and_what_comes_along(server: Running) -> None:
    known, coming = new_id("mrn"), new_id("mrn")
    there = server.post(patient(identifier=mrn(known))).json()["id"]
    answer = server.send(
        "transaction",
        entry("POST", "Condition", condition(f"Patient?identifier=urn:mrn|{known}")),
        entry("POST", "Condition", condition(f"Patient?identifier=urn%3Amrn%7C{coming}")),
        entry("POST", "Patient", patient(identifier=mrn(coming))),
    ).json()
    subjects = [server.http.get(f"/{place_of(answer, i)}").json()["subject"]["reference"] for i in (0, 1)]
    assert subjects == [f"Patient/{there}", place_of(answer, 2)]


def test_a_conditional_create_or_update_writes_one_resource(server: Running) -> None:
    one, other = new_id("mrn"), new_id("mrn")
    asked = urlencode({"identifier": f"urn:mrn|{other}"})
    bundle = [
        entry(
            "POST", "Patient", patient(identifier=mrn(one)), urn(), ifNoneExist=f"identifier=urn:mrn|{one}"
        ),
        entry("PUT", f"Patient?{asked}", patient(identifier=mrn(other)), urn()),
    ]
    first, second = (server.send("transaction", *bundle).json() for _ in range(2))
    assert (statuses(first), statuses(second)) == (["201", "201"], ["200", "200"])
    assert [place_of(first, i) for i in (0, 1)] == [place_of(second, i) for i in (0, 1)]
    again = server.send("transaction", bundle[0], {**bundle[0], "fullUrl": urn()}).json()
    assert statuses(again) == ["200", "200"]


def test_types_we_do_not_keep_are_passed_by_with_a_word(server: Running) -> None:
    who = urn()
    answer = server.send(
        "transaction",
        entry("POST", "Claim", {"resourceType": "Claim", "patient": {"reference": who}, "odd": 1}, urn()),
        entry("POST", "Patient", patient(), who),
        entry("POST", "Provenance", {"resourceType": "Provenance"}, urn()),
        entry("PATCH", "Immunization/1", {"resourceType": "Immunization", "id": "1"}),
        entry("DELETE", "CarePlan/1"),
    ).json()
    assert statuses(answer) == ["202", "201", "202", "202", "202"]
    said = answer["entry"][0]["response"]["outcome"]["issue"][0]
    assert (said["severity"], said["code"]) == ("information", "not-supported")


def test_representations_come_back_if_wished_for(server: Running) -> None:
    answer = server.send("transaction", entry("POST", "Patient", patient()), prefer="return=representation")
    assert answer.json()["entry"][0]["resource"]["resourceType"] == "Patient"


@pytest.mark.parametrize("kind", ["collection", "searchset", "nonsense"])
def test_only_batches_and_transactions_are_posted_to_the_root(server: Running, kind: str) -> None:
    answer = server.http.post("", json={"resourceType": "Bundle", "type": kind})
    assert (answer.status_code, issues(answer.json())) == (400, [("value", "Bundle.type")])


def test_an_empty_transaction_is_answered(server: Running) -> None:
    answer = server.http.post("", json={"resourceType": "Bundle", "type": "transaction"})
    assert answer.json() == {"resourceType": "Bundle", "type": "transaction-response"}


def test_a_large_transaction_is_one_too(server: Running) -> None:
    who = urn()
    visits = [entry("POST", "Observation", score(who, n % 10), urn()) for n in range(400)]
    answer = server.send("transaction", *visits, entry("POST", "Patient", patient(), who))
    assert set(statuses(answer.json())) == {"201"}
    found = server.search("Observation", patient=place_of(answer.json(), 400), _count="0")
    assert found["total"] == 400


def test_an_entry_may_insist_on_the_version_it_knows(server: Running) -> None:
    mine, new = new_id(), new_id()
    server.put(patient(mine))
    bundle = [
        entry("PUT", f"Patient/{mine}", patient(mine, birthDate="1970"), ifMatch='W/"1"'),
        entry("PUT", f"Patient/{new}", patient(new), ifNoneMatch="*"),
    ]
    assert statuses(server.send("transaction", *bundle).json()) == ["200", "201"]
    assert server.send("transaction", *bundle).status_code == 412


def test_a_batch_that_is_none_is_refused_as_a_whole(server: Running) -> None:
    before = server.dump()
    bad = {
        "resourceType": "Bundle",
        "type": "batch",
        "total": 1,
        "entry": [entry("POST", "Patient", patient())],
    }
    answer = server.http.post("", json=bad)
    assert (answer.status_code, issues(answer.json())) == (400, [("invariant", "Bundle.total")])
    assert server.dump() == before


def test_batch_entries_stand_alone(server: Running) -> None:
    mine = new_id()
    answer = server.send(
        "batch",
        entry("PUT", f"Patient/{mine}", patient(mine)),
        entry("POST", "Procedure", therapy(f"Patient/{mine}", "2024-02-30")),
        entry("POST", "Condition", condition("Group/g")),
        entry("GET", f"Patient/{mine}"),
        entry("POST", "ServiceRequest", order(f"Patient/{mine}")),
        entry("GET", f"Patient/{mine}/Condition"),
        entry("POST", "Claim", {"resourceType": "Claim"}),
        entry("GET", f"Patient/{mine}/_history/1"),
        entry("GET", "Patient?birth=1"),
        entry("DELETE", "Patient"),
        entry("GET", f"Patient/{mine}", ifNoneMatch='W/"1"'),
    )
    assert (answer.status_code, answer.json()["type"]) == (200, "batch-response")
    assert statuses(answer.json()) == [
        "201",
        "400",
        "422",
        "200",
        "201",
        "200",
        "202",
        "200",
        "200",
        "400",
        "304",
    ]
    said = [one["response"].get("outcome") for one in answer.json()["entry"]]
    assert issues(said[1]) == [("value", "Bundle.entry[1].resource.performedDateTime")]
    assert issues(said[2]) == [("business-rule", "Bundle.entry[2].resource.subject")]
