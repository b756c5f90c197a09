"""Faults: each does what it says, as often as ordered, and the same seed gives the same ones."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest

from referral_service.fake_ehr.faults import SHARED
from referral_service.fake_ehr.server import FakeEhr, Faults
from tests.fake_ehr.served import SYSTEM, Served, delivery, issue_codes, order, served


def kept(ehr: Served, value: str = "A") -> int:
    """How many orders of that identifier the EHR has."""
    return len(ehr.ehr.by_identifier("ServiceRequest", SYSTEM, value))


def test_busy_says_when_to_come_again() -> None:
    with served(FakeEhr(faults=Faults(busy=1, retry_after_seconds=7))) as ehr:
        answer = ehr.post(order("A"))

        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
        assert issue_codes(answer) == ["throttled"]
        assert kept(ehr) == 0


@pytest.mark.parametrize(("fault", "number"), [("error_before", 0), ("error_after", 1)])
def test_an_error_may_come_before_or_after_the_work(fault: str, number: int) -> None:
    with served(FakeEhr(faults=Faults(**{fault: 1.0}))) as ehr:
        answer = ehr.post(order("A"))

        assert answer.status_code in (500, 502, 503, 504)
        assert kept(ehr) == number


@pytest.mark.parametrize(("fault", "number"), [("cut_request", 0), ("lost_answer", 1)])
def test_a_connection_is_cut_without_a_byte(fault: str, number: int) -> None:
    with served(FakeEhr(faults=Faults(**{fault: 1.0}))) as ehr:
        for _ in range(2):
            with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
                ehr.send("transaction", *delivery("A"))

        assert kept(ehr) == number
        ehr.ehr.faults = Faults()
        assert len(ehr.found("ServiceRequest", identifier="A")) == number


def test_a_page_of_html_is_no_answer() -> None:
    with served(FakeEhr(faults=Faults(html=1))) as ehr:
        answer = ehr.send("transaction", *delivery("A"))

        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/html")
        assert kept(ehr) == 0


def test_what_timed_out_may_be_done_a_little_later() -> None:
    with served(FakeEhr(faults=Faults(slow_commit=1, slow_commit_seconds=0.5))) as ehr:
        answer = ehr.send("transaction", *delivery("A"))

        assert (answer.status_code, kept(ehr)) == (504, 0)
        assert ehr.found("ServiceRequest", identifier="A") == []  # a read is not struck
        assert ehr.ehr.settle()
        assert kept(ehr) == 1


def test_latency_is_waited_for() -> None:
    with served(FakeEhr(faults=Faults(latency=1, latency_seconds=(0.2, 0.3)))) as ehr:
        begun = monotonic()
        assert ehr.post(order("A")).status_code == 201
        assert 0.2 <= monotonic() - begun < 5


def test_a_racy_server_creates_twice() -> None:
    condition = f"identifier={SYSTEM}|A"
    with served(FakeEhr(faults=Faults(racy=1, racy_seconds=5))) as ehr:
        with ThreadPoolExecutor(2) as two:
            answers = list(two.map(lambda _: ehr.post(order("A"), If_None_Exist=condition), range(2)))

        assert [answer.status_code for answer in answers] == [201, 201]
        assert kept(ehr) == 2
        assert len(ehr.found("ServiceRequest", identifier="A")) == 2


def test_a_racy_server_sees_what_is_older() -> None:
    with served(FakeEhr(faults=Faults(racy=1, racy_seconds=0.05))) as ehr:
        ehr.send("transaction", *delivery("A"))
        ehr.ehr.faults = Faults(latency=1, latency_seconds=(0.1, 0.1), racy=1, racy_seconds=0.05)
        ehr.send("transaction", *delivery("A"))

        assert kept(ehr) == 1


def test_a_server_without_that_fault_creates_once() -> None:
    condition = f"identifier={SYSTEM}|A"
    with served() as ehr, ThreadPoolExecutor(4) as four:
        answers = list(four.map(lambda _: ehr.post(order("A"), If_None_Exist=condition), range(20)))

        assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
        assert kept(ehr) == 1


def test_a_double_has_a_task_of_its_own() -> None:
    with served(FakeEhr(faults=Faults(double=1))) as ehr:
        answer = ehr.send("transaction", *delivery("A"))

        assert len(answer.json()["entry"]) == 2
        orders = {one["id"] for one in ehr.ehr.by_identifier("ServiceRequest", SYSTEM, "A")}
        focuses = [one["focus"]["reference"] for one in ehr.ehr.by_identifier("Task", SYSTEM, "A")]
        assert len(orders) == 2
        assert sorted(focuses) == sorted(f"ServiceRequest/{id}" for id in orders)


def test_a_stale_search_does_not_show_what_is_new() -> None:
    faults = Faults(stale_search=1, stale_search_seconds=30)
    with served(FakeEhr(faults=faults)) as ehr:
        id = ehr.post(order("A")).json()["id"]

        assert ehr.found("ServiceRequest", identifier="A") == []
        assert ehr.http.get(f"/ServiceRequest/{id}").status_code == 200
        assert ehr.post(order("A"), If_None_Exist="identifier=A").status_code == 200
        ehr.ehr.faults = Faults()
        assert ehr.found("ServiceRequest", identifier="A") == [id]


def test_an_order_may_lose_its_identifier() -> None:
    with served(FakeEhr(faults=Faults(drop_order=1))) as ehr:
        assert ehr.send("transaction", *delivery("A")).status_code == 200

        assert kept(ehr) == 0
        [stored] = ehr.ehr.stored("ServiceRequest")
        assert "identifier" not in stored


def test_faults_can_be_for_some_kinds_of_request_and_for_a_number_of_them() -> None:
    with served(FakeEhr(faults=Faults(busy=1, only=("transaction",), most=2))) as ehr:
        reads = [ehr.http.get("/ServiceRequest").status_code for _ in range(2)]
        sent = [ehr.send("transaction", *delivery("A")).status_code for _ in range(4)]

        assert (reads, sent) == ([200, 200], [429, 429, 200, 200])
        assert ehr.ehr.happened == {"busy": 2}


def fates(seed: int, **shares: Any) -> list[int]:
    """What becomes of fifty searches: the status, or 0 for a cut connection."""
    found = []
    with served(FakeEhr(faults=Faults(**shares), seed=seed)) as ehr:
        for _ in range(50):
            try:
                found.append(ehr.http.get("/Task").status_code)
            except httpx.RemoteProtocolError:
                found.append(0)
    return found


def test_the_same_seed_gives_the_same_faults() -> None:
    shares = {"busy": 0.2, "lost_answer": 0.2, "error_before": 0.2}

    first = fates(1, **shares)

    assert first == fates(1, **shares)
    assert first != fates(2, **shares)
    assert {0, 200, 429} < set(first)


def test_shares_are_kept() -> None:
    with served(FakeEhr(faults=Faults(busy=0.3, html=0.5), seed=5)) as ehr:
        for _ in range(400):
            ehr.http.get("/Task")

        happened = ehr.ehr.happened
        assert 90 <= happened["busy"] <= 150
        assert 160 <= happened["html"] <= 240
        assert ehr.ehr.requests == {("GET", "search"): 400}


def test_faults_are_ordered_while_it_runs() -> None:
    with served() as ehr:
        address = ehr.address.replace("/fhir", "/_faults")
        ordered = httpx.post(address, json={"error-before": 1, "retry-after-seconds": 3})

        assert ordered.status_code == 200
        assert ordered.json()["error-before"] == 1.0
        assert ehr.http.get("/Task").is_server_error
        assert httpx.get(address).json()["error-before"] == 1.0
        httpx.post(address, json={})
        assert ehr.http.get("/Task").is_success


@pytest.mark.parametrize("said", [{"bussy": 1}, {"busy": 2}, {"busy": 0.6, "html": 0.6}, {"busy": "no"}, []])
def test_faults_that_cannot_be_are_refused(ehr: Served, said: Any) -> None:
    refused = httpx.post(ehr.address.replace("/fhir", "/_faults"), json=said)

    assert refused.status_code == 400
    assert ehr.ehr.faults == Faults()


def test_every_fault_is_in_the_documentation() -> None:
    page = Path(__file__).parents[2] / "docs" / "operations.md"

    table = page.read_text(encoding="utf-8").partition("| fault | what happens |")[2]

    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.M) == list(SHARED)


def test_shares_add_up_to_no_more_than_one() -> None:
    with pytest.raises(ValueError, match="add up"):
        Faults(busy=0.6, lost_answer=0.5)
    with pytest.raises(ValueError, match="from 0 to 1"):
        Faults(racy=1.5)
