"""Signing in, signing out, being refused leave their AuditEvents; no flood of refusals fills the ledger."""

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest

from referral_service.api.login.journal import REFUSALS, Entry, Journal
from referral_service.fhir.audit import Line, event
from referral_service.fhir.check import check
from referral_service.store.store import SqlStore
from referral_service.workflow.ports import Tenant
from tests.kit.clocks import HandClock
from tests.login.house import Browser, House

Json = dict[str, Any]
NORTH = Tenant("north")


def newest(auditor: Browser, count: int = 1) -> list[Json]:
    """The last events of signing in and out that an auditor finds, the oldest first."""
    entries = auditor.get(f"/fhir/AuditEvent?_count={count + 20}").json()["entry"]
    found = [one["resource"] for one in entries]
    assert [problem for one in found for problem in check(one)] == []
    assert not any(auditor.session and auditor.session in str(one) for one in found)
    theirs = [one for one in found if one["type"]["code"] == "110114" and "adam" not in str(one["agent"])]
    return theirs[:count][::-1]


def told(one: Json) -> tuple[str, str, Any, str]:
    """What happened, its outcome, to whom, where."""
    who = one["agent"][-1]
    assert (who["type"]["coding"][0]["code"], who["requestor"]) == ("humanuser", True)
    assert one["agent"][0]["network"] == {"address": "127.0.0.1", "type": "2"}
    (subtype,) = one["subtype"]
    assert subtype["system"] == one["type"]["system"] == "http://dicom.nema.org/resources/ontology/DCM"
    named = who["who"].get("reference", who["who"].get("display"))
    return subtype["code"], one["outcome"], named, one["entity"][0]["description"]


@pytest.fixture
def auditor(home: House) -> Iterator[Browser]:
    """Adam, of the north."""
    with Browser(home) as adam:
        adam.sign_in("adam")
        yield adam


def test_who_comes_in_and_who_leaves(browser: Browser, auditor: Browser) -> None:
    browser.sign_in("nora")
    browser.sign_out()

    came, left = newest(auditor, 2)
    assert told(came) == ("110122", "0", "Practitioner/nora", "/auth/callback")
    assert told(left) == ("110123", "0", "Practitioner/nora", "/auth/logout")


def test_who_comes_out_of_a_chart(browser: Browser, auditor: Browser) -> None:
    browser.launch("amy")

    (came,) = newest(auditor)
    assert told(came) == ("110122", "0", "Practitioner/doctor-7", "/auth/callback/clinic")
    assert came["entity"][1]["what"] == {"reference": "Patient/amy"}


def test_who_has_nothing_to_do_here_is_named(browser: Browser, auditor: Browser) -> None:
    browser.sign_in("nick")

    (refused,) = newest(auditor)
    assert told(refused) == ("110122", "4", "Practitioner/nick", "/auth/callback")
    assert refused["outcomeDesc"] == "403 role"


def test_an_answer_that_nobody_asked_for(browser: Browser, auditor: Browser) -> None:
    """It is told to the tenant whose server it pretends to come from."""
    assert browser.get("/auth/callback/clinic?code=secret&state=secret").status_code == 400

    (refused,) = newest(auditor)
    assert told(refused) == ("110122", "4", "unknown", "/auth/callback/clinic")
    assert "secret" not in str(refused)


def test_a_refused_sign_out_leaves_no_event(browser: Browser, auditor: Browser) -> None:
    browser.sign_in("nora")
    assert browser.sign_out(token="forged").status_code == 403

    assert told(newest(auditor)[0])[0] == "110122"


def lines(store: SqlStore) -> list[Json]:
    """What the ledger says in detail."""
    with store.engine.connect() as connection:
        return [orjson.loads(one) for (one,) in connection.exec_driver_sql("SELECT detail FROM ledger")]


def alone(told: Coroutine[Any, Any, None]) -> None:
    """In a thread of its own: a browser's loop may run in this one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, told).result()


def test_a_flood_of_refusals_is_counted_and_does_not_fill_the_ledger(home: House) -> None:
    store, clock = home.server.service.store, HandClock()
    journal = Journal(store, True, lambda: clock.now().timestamp())
    elsewhere = Entry(Tenant("flooded"), "unknown", status=401, why="invalid_client")

    async def flood(times: int) -> None:
        for _ in range(times):
            await journal.tell(elsewhere, "192.0.2.7", "/auth/token")

    before = len(lines(store))
    alone(flood(1_000))
    assert len(lines(store)) - before == REFUSALS.burst == 60
    clock.pass_by(seconds=10)
    alone(flood(1_000))

    found = lines(store)[before:]
    assert len(found) == 61
    assert [one.get("unsaid") for one in found[-2:]] == [None, "940"]
    line = Line(
        seq=1, at=clock.now(), kind="audit", subject="login", actor="unknown", detail=found[-1], patients=()
    )
    assert event(line, "here")["outcomeDesc"] == "401 invalid_client; 940 more before it"
    # nobody who is let in is left out, however many were refused
    alone(journal.tell(Entry(Tenant("flooded"), "Device/x"), "192.0.2.7", "/auth/token"))
    assert len(lines(store)) - before == 62
