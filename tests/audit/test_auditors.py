"""AuditEvents are for auditors, of their own tenant; they are found by date, patient, agent and entity."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from referral_service.store.tables import ledger
from referral_service.workflow.ports import Tenant
from tests.audit.conftest import Audited
from tests.auth.house import bearer
from tests.kit.server import ids
from tests.kit.tampering import tampering

Json = dict[str, Any]


@pytest.mark.parametrize("path", ["/AuditEvent", "/AuditEvent/1", "/AuditEvent?patient=shared"])
def test_no_system_reads_them(audited: Audited, path: str) -> None:
    home = audited.home
    for who in (home.as_client("north"), home.as_hospital("system/AuditEvent.rs system/*.cruds")):
        assert home.http.get(path, headers=who).status_code == 403
    for nobody in ({}, bearer("nothing"), {"Cookie": "__Host-session=nothing"}):
        assert home.http.get(path, headers=nobody).status_code == 401


@pytest.mark.parametrize("path", ["/AuditEvent", "/AuditEvent/1"])
def test_no_other_role_reads_them(audited: Audited, path: str) -> None:
    for role in ("coordinator", "clinician", "operator"):
        answer = audited.home.http.get(path, headers=audited.cookie(role))
        assert answer.status_code == 403, role
    led = audited.cookie("auditor", patient="shared")
    assert audited.home.http.get(path, headers=led).status_code == 403
    assert audited.home.http.get(path, headers=audited.cookie("auditor")).status_code == 200


def test_an_auditor_reads_nothing_else_of_fhir(audited: Audited) -> None:
    assert audited.home.http.get("/Patient/shared", headers=audited.cookie("auditor")).status_code in (
        303,
        401,
    )
    assert (
        audited.home.http.post("/AuditEvent", json={}, headers=audited.cookie("auditor")).status_code == 403
    )


def test_another_tenants_are_not_there(audited: Audited) -> None:
    audited.home.http.get("/Patient/of-the-south", headers=audited.home.as_client("south"))

    assert "Device/south" in str(audited.events("south"))
    assert "Device/south" not in str(audited.events())


def test_looking_at_them_is_on_record_too(audited: Audited) -> None:
    audited.search(patient="shared")

    newest = audited.search(_count="1")["entry"][0]["resource"]
    assert newest["agent"][-1]["who"] == {"reference": "Practitioner/auditor"}
    assert newest["agent"][-1]["type"]["coding"][0]["code"] == "IRCP"


def test_a_page_for_people_leaves_its_event(audited: Audited) -> None:
    last = audited.last
    who = audited.cookie("coordinator")
    address = f"{audited.home.server.address}/worklist"

    for path in ("/patient/shared", "/list/urgent", "/static/x/y.css"):
        audited.home.http.get(address + path, headers=who)

    audited.home.http.post(f"{address}/list/urgent", headers=who)

    looked_for, listed, shown = audited.after(last)
    assert (looked_for["action"], looked_for["outcome"]) == ("R", "4"), "refused: it brings no token"
    assert (shown["type"]["code"], shown["action"], shown["outcome"]) == ("110110", "R", "0")
    assert {"reference": "Patient/shared"} in [one.get("what") for one in shown["entity"]]
    assert listed["entity"][0]["description"] == "/worklist/list/{name}"
    assert {"reference": "Practitioner/coordinator"} in [one["who"] for one in listed["agent"]]


@pytest.mark.parametrize("asked", ["patient", "entity"])
def test_they_are_found_by_patient(audited: Audited, asked: str) -> None:
    audited.home.http.get("/Patient/shared", headers=audited.home.as_client("north"))
    found = audited.events(**{asked: "Patient/shared"})

    assert found
    assert all({"reference": "Patient/shared"} in [e.get("what") for e in one["entity"]] for one in found)
    assert audited.events(**{asked: "Patient/Shared"}) == audited.events(**{asked: "Patient/nobody"}) == []


def test_they_are_found_by_agent_and_entity(audited: Audited) -> None:
    audited.home.http.get("/Patient/shared", headers=audited.home.as_hospital())

    found = audited.events(agent="Device/hospital.ehr")
    assert found
    assert {one["agent"][0]["who"]["reference"] for one in found} == {"Device/hospital.ehr"}
    both = audited.events(agent="Device/hospital.ehr", entity="Goal/not-there")
    assert both == []


def test_they_are_found_by_date(audited: Audited) -> None:
    now = audited.home.server.service.clock.now()
    later = (now + timedelta(minutes=5)).isoformat().replace("+00:00", "Z")

    assert audited.events(date=f"lt{later}")
    assert audited.events(date=f"gt{later}") == []
    assert audited.events(date=f"{now:%Y}")
    assert audited.events(date="lt2020") == []


def test_pages_follow_each_other_both_ways(audited: Audited) -> None:
    head = audited.last
    for sort in ("date", "-date"):
        found: list[int] = []
        page = audited.search(_count="20", _sort=sort, date="gt2020")
        while len(found) < head:
            found += map(int, ids(page))
            links = {one["relation"]: one["url"] for one in page["link"]}
            if "next" not in links:
                break
            headers = audited.cookie("auditor")
            address = f"{audited.home.server.address}/fhir" + links["next"].partition("/fhir")[2]
            page = audited.home.http.get(address, headers=headers).json()
        upwards = found if sort == "date" else found[::-1]
        assert upwards == sorted(set(upwards))
        assert len(found) >= head


def test_a_line_is_read_by_its_number(audited: Audited) -> None:
    newest = audited.search(_count="1")["entry"][0]["resource"]
    answer = audited.home.http.get(f"/AuditEvent/{newest['id']}", headers=audited.cookie("auditor"))

    assert answer.json() == newest
    for none in ("0", "01", "999999999", "x", "1e3"):
        path = f"/AuditEvent/{none}"
        assert audited.home.http.get(path, headers=audited.cookie("auditor")).status_code == 404


def test_a_line_that_was_changed_is_found(audited: Audited) -> None:
    store = audited.home.server.service.store
    line = audited.events(entity="Patient/shared")[0]["id"]
    own = (ledger.c.tenant == "north", ledger.c.seq == int(line))
    with store.engine.connect() as connection:
        kept = connection.scalar(ledger.select().with_only_columns(ledger.c.actor).where(*own))
    try:
        with tampering(store.engine) as connection:
            connection.execute(update(ledger).where(*own).values(actor="Device/somebody-else"))
        assert store.verify_ledger(Tenant("north")).broken_at == int(line)
    finally:
        with tampering(store.engine) as connection:
            connection.execute(update(ledger).where(*own).values(actor=kept))
    assert store.verify_ledger(Tenant("north")).broken_at is None
