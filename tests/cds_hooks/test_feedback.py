"""What became of cards: each answer is kept once, with a line of the ledger and no word of a person's."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from referral_service.fhir.codes import CANONICAL_BASE
from referral_service.workflow.ports import DEFAULT_TENANT
from tests.cds_hooks.client import Client
from tests.kit.databases import postgresql
from tests.kit.server import Running, running

Json = dict[str, Any]
COMMENT = "Mrs Xyzzy would rather wait"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service on each of the two databases."""
    folder = tmp_path_factory.mktemp("feedback")
    if request.param == "sqlite":
        with running(folder) as found:
            yield found
    else:
        with postgresql() as address, running(folder, database_url=address) as found:
            yield found


def overridden(card: str = "", **more: Any) -> Json:
    reason = {"reason": {"code": "more-care", "system": "https://ehr.example/why"}, "userComment": COMMENT}
    return {
        "card": card or str(uuid4()),
        "outcome": "overridden",
        "overrideReason": reason,
        "outcomeTimestamp": "2026-03-04T05:06:07.089Z",
        **more,
    }


def accepted() -> Json:
    return {
        "card": str(uuid4()),
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": str(uuid4())}],
        "outcomeTimestamp": "2026-03-04T06:06:07+01:00",
    }


def post(served: Running, *given: Json, service: str = "patient-view") -> None:
    answer = Client(served).post(f"{service}/feedback", {"feedback": list(given)})
    assert (answer.status_code, answer.json()) == (200, {}), answer.text


def rows(served: Running, card: str) -> list[tuple[Any, ...]]:
    return [row for row in served.dump()["feedback"] if row[1] == card]


def lines(served: Running, card: str) -> list[tuple[Any, ...]]:
    return [row for row in served.dump()["ledger"] if card in row]


def test_an_answer_is_kept_with_the_code_of_its_reason_alone(served: Running) -> None:
    said = overridden()
    post(served, said, service="order-sign")

    (row,) = rows(served, said["card"])
    assert row[0] == DEFAULT_TENANT
    assert row[3:] == ("order-sign", "overridden", "more-care")
    (line,) = lines(served, said["card"])
    assert "answered-card" in line
    assert COMMENT not in repr(served.dump()) and "Xyzzy" not in repr(served.dump())


@pytest.mark.parametrize("system", [{}, {"system": f"{CANONICAL_BASE}/CodeSystem/decline-reason"}])
def test_a_reason_counts_with_its_system_and_without(served: Running, system: dict[str, str]) -> None:
    said = overridden(overrideReason={"reason": {"code": "not-indicated", **system}})
    post(served, said)

    (row,) = rows(served, said["card"])
    assert row[4:] == ("overridden", "not-indicated")


def test_what_was_accepted_has_no_reason(served: Running) -> None:
    said = accepted()
    post(served, said)

    (row,) = rows(served, said["card"])
    assert row[4:] == ("accepted", None)


def test_an_answer_without_a_reason_is_one_too(served: Running) -> None:
    said = {name: value for name, value in overridden().items() if name != "overrideReason"}
    post(served, said)

    assert rows(served, said["card"])[0][-1] is None


def test_the_same_again_changes_nothing(served: Running) -> None:
    said = overridden()
    post(served, said, accepted())
    before = served.dump()

    post(served, said)
    post(served, said, said)
    # the card's uuid in capitals and the instant in another zone are the same answer
    post(served, {**said, "card": said["card"].upper(), "outcomeTimestamp": "2026-03-04T06:06:07.089+01:00"})
    assert served.dump() == before


def test_a_later_answer_to_the_same_card_is_another(served: Running) -> None:
    said = overridden()
    post(served, said, {**said, "outcomeTimestamp": "2026-03-05T05:06:07Z"})

    assert len(rows(served, said["card"])) == len(lines(served, said["card"])) == 2


def test_fifty_at_once_are_one(served: Running) -> None:
    shared, others = overridden(), [overridden() for _ in range(50)]
    batches = [[shared, one] if number % 2 else [one, shared] for number, one in enumerate(others)]
    with ThreadPoolExecutor(50) as threads:
        list(threads.map(lambda batch: post(served, *batch), batches))

    assert len(rows(served, shared["card"])) == len(lines(served, shared["card"])) == 1
    assert all(len(rows(served, one["card"])) == 1 for one in others)
    assert served.service.store.verify_ledger(DEFAULT_TENANT).broken_at is None


def test_of_a_batch_with_a_fault_nothing_is_kept(served: Running) -> None:
    said = overridden()
    answer = Client(served).post("patient-view/feedback", {"feedback": [said, {**said, "card": 1}]})

    assert answer.status_code == 400
    assert rows(served, said["card"]) == []
