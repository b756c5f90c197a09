"""Several answers at one moment, and answers while facts arrive: one wins, and never are there two orders."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Thread
from typing import Any

import httpx

from referral_service.clinic.chart import build
from tests.api.people import CAUDA, EXHAUSTED, House, house

__all__ = ["house"]

Json = dict[str, Any]
ROUNDS = 4


def orders(house: House, patient: str) -> list[Json]:
    return [one for one in house.ours(patient, "ServiceRequest") if one["intent"] == "order"]


def at_once(house: House, *asked: tuple[str, Json]) -> list[httpx.Response]:
    """Each by a person of their own, at the same moment."""
    start = Barrier(len(asked))

    def one(number: int) -> httpx.Response:
        start.wait()
        verb, to = asked[number]
        reason = [{"name": "reason", "valueCode": "x"}] * (verb == "decline")
        return house.say(verb, to, *reason, X_Actor=f"Practitioner/p{number}")

    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(one, range(len(asked))))


def test_of_several_approvals_one_makes_the_order(house: House) -> None:
    patients = [house.chart(*EXHAUSTED) for _ in range(ROUNDS)]
    for patient in patients:
        (asked,) = house.ours(patient, "ServiceRequest")
        answers = at_once(house, *[("approve", asked)] * 4)
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
        assert all("completed" in answer.text for answer in answers if answer.status_code == 409)
        (winner,) = (answer.json() for answer in answers if answer.status_code == 200)
        assert [one["id"] for one in orders(house, patient)] == [winner["id"]]
    house.judge()
    assert [len(orders(house, patient)) for patient in patients] == [1] * ROUNDS


def test_an_approval_and_a_decline_are_never_both(house: House) -> None:
    for _ in range(ROUNDS):
        patient = house.chart(*EXHAUSTED)
        (asked,) = house.ours(patient, "ServiceRequest")
        answers = at_once(house, ("approve", asked), ("decline", asked))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        house.judge()
        is_approved = answers[0].status_code == 200
        assert house.statuses(patient)["proposal"] == ("completed" if is_approved else "revoked")
        assert len(orders(house, patient)) == int(is_approved)


def test_one_of_two_claims_counts(house: House) -> None:
    (task,) = house.ours(house.chart(*EXHAUSTED), "Task")
    answers = at_once(house, ("claim", task), ("claim", task))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    (winner,) = (number for number, answer in enumerate(answers) if answer.status_code == 200)
    kept = house.server.http.get(f"/Task/{task['id']}").json()
    assert (kept["owner"]["reference"], kept["meta"]["versionId"]) == (f"Practitioner/p{winner}", "2")


def test_an_approval_meets_a_condition_that_speaks_against_it(house: House) -> None:
    """Whoever is first wins: approved before the flag was judged, or suspended and told so."""
    patients = [house.chart(*EXHAUSTED) for _ in range(ROUNDS * 2)]
    today, done = house.server.service.clock.as_of().date(), Event()

    def work() -> None:
        while not done.is_set():
            house.judge()

    worker = Thread(target=work)
    worker.start()
    answers = {}
    try:
        for number, patient in enumerate(patients):
            (asked,) = house.ours(patient, "ServiceRequest")
            *_, flag = build({"id": patient, "given": [CAUDA]}, today)
            assert house.server.put(flag).is_success
            done.wait(0.01 * number)
            answers[patient] = house.say("approve", asked)
    finally:
        done.set()
        worker.join()
    house.judge()
    for patient, answer in answers.items():
        elective = [
            (one["intent"], one["status"])
            for one in house.ours(patient, "ServiceRequest")
            if one["priority"] == "routine"
        ]
        if answer.status_code == 200:
            assert sorted(elective) == [("order", "active"), ("proposal", "completed")]
        else:
            assert (answer.status_code, elective) == (409, [("proposal", "on-hold")])
        assert [
            one["status"] for one in house.ours(patient, "ServiceRequest") if one["priority"] == "stat"
        ] == ["draft"]
    assert house.server.service.store.counts().patients_parked == 0
