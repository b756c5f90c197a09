"""Out of one chart into another, in an emergency: with a reason, for a while, to read, and on record."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from referral_service.auth.principal import Emergency, Principal
from referral_service.auth.sessions import LASTING, Sessions
from referral_service.fhir.check import check
from referral_service.store.erase import Eraser, Why
from referral_service.store.outside import session
from referral_service.workflow.ports import PatientId, Tenant
from tests.kit.clocks import HandClock
from tests.login.house import CANARY, Browser, House, token_of
from tests.login.test_roles import RIGHTS, asked, filled

Json = dict[str, Any]
ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
OVERRIDE = "/auth/emergency"


@pytest.fixture
def auditor(home: House) -> Iterator[Browser]:
    """Adam, of the north."""
    with Browser(home) as adam:
        adam.sign_in("adam")
        yield adam


def break_glass(browser: Browser, to: str, purpose: str = "ETREAT", **changed: str) -> httpx.Response:
    """The form of the page that says it is about somebody else."""
    page = browser.get(to)
    assert page.status_code in (403, 404) and f'action="{OVERRIDE}"' in page.text
    return browser.http.post(
        OVERRIDE, data={"token": token_of(page), "to": to, "purpose": purpose, **changed}
    )


def listed(auditor: Browser, query: str) -> list[Json]:
    """What an auditor finds, the newest first."""
    found = [
        one["resource"] for one in auditor.get(f"/fhir/AuditEvent?_count=50&{query}").json().get("entry", ())
    ]
    assert [problem for one in found for problem in check(one)] == []
    return found


def purposes(one: Json) -> set[str]:
    """Why somebody did it, as they said."""
    said = one["agent"][-1].get("purposeOfUse", ())
    assert {coding["system"] for it in said for coding in it["coding"]} <= {ACT_REASON}
    return {coding["code"] for it in said for coding in it["coding"]}


@pytest.mark.parametrize("place", ["patient", "referral", "record"])
def test_with_a_reason_the_page_opens_and_each_event_says_so(
    home: House, browser: Browser, auditor: Browser, place: str
) -> None:
    to = {
        "patient": "/worklist/patient/bea",
        "referral": f"/worklist/referral/{home.tasks['bea']}",
        "record": "/worklist/record/Patient/bea",
    }[place]
    browser.launch("amy")

    let_in = break_glass(browser, to)

    assert (let_in.status_code, let_in.headers["location"]) == (303, to)
    shown = browser.get(to)
    assert shown.status_code == 200 and f"{CANARY}-bea" in shown.text
    began = listed(auditor, "subtype=110127")[0]
    assert (began["type"]["code"], began["subtype"][0]["code"], began["outcome"]) == ("110113", "110127", "0")
    page = listed(auditor, "patient=bea&agent=Practitioner/doctor-7")[0]
    assert page["type"]["code"] == "110110"
    for one in (began, page):
        assert purposes(one) == {"BTG", "ETREAT"}
        assert one["agent"][-1]["who"] == {"reference": "Practitioner/doctor-7"}
        assert {"reference": "Patient/bea"} in [it.get("what") for it in one["entity"]]
    browser.get("/worklist/patient/amy")
    assert purposes(listed(auditor, "patient=amy&agent=Practitioner/doctor-7")[0]) == set()


def test_nothing_is_changed_by_it_and_no_other_page_opens(home: House, browser: Browser) -> None:
    browser.launch("amy")
    fields = {"token": browser.token("/worklist/patient/amy"), "note": "x", "stage": "review"}
    assert break_glass(browser, "/worklist/patient/bea").status_code == 303
    before = home.matters()
    for method, path in RIGHTS:
        if path in ("/", "/worklist"):
            continue
        more = {"data": fields} if method == "POST" else {}
        for patient in ("bea", "cat"):
            status, said = asked(browser, method, filled(path, home, patient), **more)
            may = patient == "bea" and method == "GET" and ("{task}" in path or "{id}" in path)
            assert status in (200, 303) or not may or path.endswith("pdf"), path
            assert may or status in (403, 404), (method, path)
            assert f"{CANARY}-cat" not in said
    assert home.matters() == before
    referral = browser.get(f"/worklist/referral/{home.tasks['bea']}").text
    assert referral.count("<form") == 1 and 'action="/auth/logout"' in referral, "no button but the way out"
    assert browser.see("/worklist").url.path == "/worklist/patient/amy"
    assert browser.act(home.tasks["amy"], "comment", note="still mine").status_code == 303


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("/worklist/patient/nobody", 404),
        ("/worklist/referral/none", 404),
        ("/worklist/record/AuditEvent/1", 404),
        ("/worklist/record/Patient/cat", 404),
        ("/worklist/list/review", 404),
        ("https://evil.example/worklist/patient/bea", 404),
    ],
)
def test_what_is_not_there_is_not_opened(
    home: House, browser: Browser, auditor: Browser, to: str, status: int
) -> None:
    """Nor what is another tenant's, or about nobody."""
    browser.launch("amy")
    token = browser.token("/worklist/patient/amy")
    before = len(listed(auditor, "subtype=110127"))

    answer = browser.http.post(OVERRIDE, data={"token": token, "to": to, "purpose": "ETREAT"})

    assert answer.status_code == status and "evil" not in answer.text
    assert len(listed(auditor, "subtype=110127")) == before
    assert browser.get("/worklist/record/Patient/bea").status_code == 404


def test_a_form_needs_its_token_and_a_reason_of_ours(browser: Browser) -> None:
    to = "/worklist/patient/bea"
    browser.launch("amy")

    assert break_glass(browser, to, token="forged").status_code == 403
    assert break_glass(browser, to, purpose="curiosity").status_code == 422
    assert browser.get(to).status_code == 403


@pytest.mark.parametrize("user", ["nora", "olga", "adam"])
def test_it_is_for_those_alone_who_came_out_of_a_chart(browser: Browser, user: str) -> None:
    browser.sign_in(user)
    fields = {"token": browser.token(), "to": "/worklist/patient/bea", "purpose": "ETREAT"}

    assert browser.http.post(OVERRIDE, data=fields).status_code == 403
    browser.http.cookies.clear()
    assert browser.http.post(OVERRIDE, data=fields).status_code == 401


def test_operators_see_that_it_happened(home: House, browser: Browser) -> None:
    def counted() -> float:
        told = home.server.service.store.counts().tallies
        return sum(told.get("emergency_accesses", {}).values())

    before = counted()
    browser.launch("amy")
    break_glass(browser, "/worklist/patient/bea")

    assert counted() == before + 1
    told = httpx.get(f"{home.address}/metrics").text
    assert f"\nemergency_accesses_total {counted()}" in told


def test_it_ends_by_itself_and_with_its_patient(home: House) -> None:
    zoe = {"resourceType": "Patient", "id": "zoe"}
    assert home.server.http.put("/Patient/zoe", json=zoe, headers=home.as_system("north")).is_success
    engine, clock = home.server.service.store.engine, HandClock()
    sessions = Sessions(engine, clock, timedelta(hours=2), timedelta(hours=3))
    doctor = Principal(
        tenant=Tenant("north"), actor="Practitioner/d", roles=frozenset({"clinician"}), patient="amy"
    )
    value = sessions.begin(doctor)
    sessions.let_in(value, Emergency("zoe", "ETREAT"), {})
    clock.pass_by(seconds=LASTING.total_seconds() - 1)
    found = sessions.find(value)
    assert found and found.emergency == Emergency("zoe", "ETREAT")
    clock.pass_by(seconds=1)
    assert sessions.find(value) == doctor

    sessions.let_in(value, Emergency("zoe", "PATSFTY"), {})
    Eraser(engine, clock, Tenant("north")).erase(PatientId("zoe"), Why(actor="Operator/x", reason="test"))
    with engine.connect() as connection:
        assert not [one for one in connection.scalars(select(session.c.body)) if b"zoe" in bytes(one)]
