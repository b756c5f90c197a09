"""Transactions happen as a whole or not at all; the entries of a batch each by itself."""

from typing import Any

import pytest

from referral_service.fhir.check import check
from tests.fake_ehr.served import SYSTEM, Served, created, delivery, issue_codes, order, task

PUT = {"method": "PUT", "url": "ServiceRequest/v-1"}


def test_a_delivery_arrives_once_and_its_task_points_at_its_order(ehr: Served) -> None:
    first = ehr.send("transaction", *delivery("D-1")).json()
    second = ehr.send("transaction", *delivery("D-1")).json()

    assert check(first) == []
    assert [entry["response"]["status"] for entry in first["entry"]] == ["201 Created", "201 Created"]
    assert [entry["response"]["status"] for entry in second["entry"]] == ["200 OK", "200 OK"]
    assert first["entry"][0]["response"]["location"] == second["entry"][0]["response"]["location"]
    assert first["entry"][0]["response"].keys() == {"status", "location", "etag", "lastModified"}
    [kept] = ehr.ehr.by_identifier("ServiceRequest", SYSTEM, "D-1")
    [its_task] = ehr.ehr.by_identifier("Task", SYSTEM, "D-1")
    assert its_task["focus"]["reference"] == f"ServiceRequest/{kept['id']}"


def test_a_task_that_is_new_points_at_an_order_that_was_there(ehr: Served) -> None:
    there = ehr.post(order("D-2")).json()

    ehr.send("transaction", *delivery("D-2"))

    [its_task] = ehr.ehr.by_identifier("Task", SYSTEM, "D-2")
    assert its_task["focus"]["reference"] == f"ServiceRequest/{there['id']}"


@pytest.mark.parametrize(
    ("entry", "status"),
    [
        (created({**order("bad"), "status": "unheard"}), 400),
        ({"resource": order("bad")}, 400),
        ({"request": {"method": "POST", "url": "ServiceRequest"}}, 400),
        ({"resource": order("x"), "request": {"method": "MOVE", "url": "ServiceRequest"}}, 405),
        (created(order("x"), if_none_exist="colour=red"), 400),
        (created(order("x"), if_none_exist=f"identifier={SYSTEM}|twice"), 412),
        (created(order("x", subject={"reference": "Patient?identifier=nobody"})), 412),
        ({"resource": order("x", id="v-1"), "request": {**PUT, "ifMatch": 'W/"9"'}}, 412),
        ({"request": {"method": "DELETE", "url": "ServiceRequest/none"}}, 404),
        ({"request": {"method": "GET", "url": "ServiceRequest/none"}}, 404),
        ({"request": {"method": "GET", "url": "ServiceRequest?colour=red"}}, 400),
    ],
)
def test_one_bad_entry_and_nothing_is_stored(ehr: Served, entry: dict[str, Any], status: int) -> None:
    if not ehr.ehr.by_identifier("ServiceRequest", SYSTEM, "twice"):
        ehr.post(order("twice"))
        ehr.post(order("twice"))

    refused = ehr.send("transaction", created(order("half")), entry)

    assert refused.status_code == status, refused.text
    assert issue_codes(refused)
    assert ehr.ehr.by_identifier("ServiceRequest", SYSTEM, "half") == []


def test_every_kind_of_entry_is_carried_out_and_answered_in_its_place(ehr: Served) -> None:
    ehr.put(order("old", id="old"))
    ehr.put({"resourceType": "Patient", "id": "p-1", "identifier": [{"value": "MRN-1"}]})

    answer = ehr.send(
        "transaction",
        {"request": {"method": "GET", "url": "ServiceRequest/new"}},
        {"request": {"method": "GET", "url": f"ServiceRequest?identifier={SYSTEM}|new"}},
        {"resource": order("new", id="new"), "request": {"method": "PUT", "url": "ServiceRequest/new"}},
        created(task("new", "ServiceRequest/new", **{"for": {"reference": "Patient?identifier=|MRN-1"}})),
        {"request": {"method": "DELETE", "url": "ServiceRequest/old"}},
    ).json()

    assert check(answer) == []
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == [
        "200",
        "200",
        "201",
        "201",
        "204",
    ]
    assert answer["entry"][0]["resource"]["id"] == "new"
    assert answer["entry"][1]["resource"]["total"] == 1
    [its_task] = ehr.ehr.by_identifier("Task", SYSTEM, "new")
    assert its_task["for"]["reference"] == "Patient/p-1"
    assert ehr.http.get("/ServiceRequest/old").status_code == 410


def test_a_client_may_prefer_to_see_what_was_stored(ehr: Served) -> None:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": delivery("D-3")}

    answer = ehr.http.post("", json=bundle, headers={"Prefer": "return=representation"}).json()

    assert check(answer) == []
    assert [entry["resource"] for entry in answer["entry"]] == [
        *ehr.ehr.by_identifier("ServiceRequest", SYSTEM, "D-3"),
        *ehr.ehr.by_identifier("Task", SYSTEM, "D-3"),
    ]


def test_what_another_entry_deletes_cannot_be_read(ehr: Served) -> None:
    ehr.put(order("kept", id="kept"))
    address = "ServiceRequest/kept"

    refused = ehr.send(
        "transaction",
        {"request": {"method": "GET", "url": address}},
        {"request": {"method": "DELETE", "url": address}},
    )

    assert refused.status_code == 410
    assert ehr.http.get(f"/{address}").status_code == 200


def test_two_entries_of_one_resource_are_refused(ehr: Served) -> None:
    put = {"resource": order("same", id="same"), "request": {"method": "PUT", "url": "ServiceRequest/same"}}

    assert ehr.send("transaction", put, put).status_code == 400
    assert ehr.http.get("/ServiceRequest/same").status_code == 404


def test_entries_of_a_batch_stand_alone(ehr: Served) -> None:
    answer = ehr.send(
        "batch",
        created(order("batch-1")),
        created({**order("batch-2"), "status": "unheard"}),
        {"request": {"method": "GET", "url": "ServiceRequest/none"}},
        created(order("batch-3")),
        {"request": {"method": "GET", "url": f"ServiceRequest?identifier={SYSTEM}|batch-1"}},
    ).json()

    assert check(answer) == []
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == [
        "201",
        "400",
        "404",
        "201",
        "200",
    ]
    assert answer["entry"][1]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    kept = [ehr.ehr.by_identifier("ServiceRequest", SYSTEM, f"batch-{number}") for number in (1, 2, 3)]
    assert list(map(len, kept)) == [1, 0, 1]


def test_identifiers_that_look_like_names_of_entries_stay(ehr: Served) -> None:
    name = "urn:uuid:6a1d2f8e-3c0b-4a53-9a53-0d8e1f1b0a01"
    identifier = [{"system": "urn:ietf:rfc:3986", "value": name}]

    ehr.send("transaction", created(order("x", identifier=identifier), full_url=name))

    assert len(ehr.ehr.by_identifier("ServiceRequest", "urn:ietf:rfc:3986", name)) == 1
