"""A person's answer: one transaction, void if anything came between, and never half of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from referral_service.core.problem import Category, Problem
from referral_service.store.answers import Answers
from referral_service.store.store import SqlStore
from referral_service.workflow.ports import Chart, Claim, Happening, Referral, Write
from referral_service.workflow.review import Answered, Opened
from tests.kit.clocks import HandClock
from tests.kit.writes import TENANT, condition, emitted, proposal, received, result

APPROVED = Happening("approved", "ServiceRequest/request-1", "Practitioner/nurse-7")


@pytest.fixture
def desk(store: SqlStore, clock: HandClock) -> Answers:
    """One proposal with its Task, drafted by a worker for ann; nobody is due."""
    arrive(store, clock)
    (claim,) = store.claim(10, clock.as_of())
    writes = (emitted("ServiceRequest", "request-1", "ann"), emitted("Task", "task-1", "ann"))
    assert store.save([result(claim, writes=writes, referrals=(proposal(1),))]) == [True]
    assert store.claim(10, clock.as_of()) == []
    return Answers(store.engine, clock)


def arrive(store: SqlStore, clock: HandClock) -> None:
    clock.pass_by(seconds=200)
    write = condition("back", "ann", said=clock.at.isoformat())
    store.commit(TENANT, [write], [received(write)])


def opened(desk: Answers, type: str = "ServiceRequest", id: str = "request-1") -> Opened:
    found = desk.open(TENANT, type, id)
    assert found is not None
    return found


def approval(found: Opened, order: str = "order-1") -> Answered:
    """As if a person had approved what was opened."""
    after = replace(found.referral, status="completed", task_status="completed", order=order, version=2)
    after = replace(after, fulfillment="fulfil-1", fulfillment_status="draft")
    known = found.resources["ServiceRequest", "request-1"].version
    writes: tuple[Write, ...] = (
        replace(emitted("ServiceRequest", "request-1", "ann", b'{"done":1}'), expected=known),
        replace(emitted("ServiceRequest", order, "ann"), expected=0),
    )
    return Answered(
        patient=found.patient, before=found.referral, after=after, writes=writes, happenings=(APPROVED,)
    )


def refused(desk: Answers, answered: Answered) -> Category:
    with pytest.raises(Problem) as refusal:
        desk.answer(TENANT, answered)
    return refusal.value.category


def chart(store: SqlStore, clock: HandClock) -> Chart:
    clock.pass_by(seconds=200)
    (found,) = store.load(store.claim(10, clock.as_of()))
    return found


def referrals(store: SqlStore, clock: HandClock) -> tuple[Referral, ...]:
    return chart(store, clock).referrals


def test_a_referral_is_found_by_each_of_its_resources(desk: Answers) -> None:
    by_request, by_task = opened(desk), opened(desk, "Task", "task-1")
    assert by_request == by_task
    assert (by_request.patient, by_request.referral) == ("ann", proposal(1))
    assert {key: one.version for key, one in by_request.resources.items()} == {
        ("ServiceRequest", "request-1"): 1,
        ("Task", "task-1"): 1,
    }
    desk.answer(TENANT, approval(by_request))
    assert opened(desk, id="order-1").referral.order == "order-1"


@pytest.mark.parametrize(
    ("type", "id"),
    [("ServiceRequest", "task-1"), ("Task", "request-1"), ("Condition", "back"), ("Task", "x")],
)
def test_nothing_is_found_by_what_is_no_resource_of_a_referral(desk: Answers, type: str, id: str) -> None:
    assert desk.open(TENANT, type, id) is None


def test_an_answer_is_stored_and_the_patient_is_due(desk: Answers, store: SqlStore, clock: HandClock) -> None:
    answered = approval(opened(desk))
    stored = desk.answer(TENANT, answered)
    assert [(one.id, one.version) for one in stored] == [("request-1", 2), ("order-1", 1)]
    found = chart(store, clock)
    assert found.referrals == (answered.after,)
    assert found.claim.changes == 2
    assert store.verify_ledger(TENANT).broken_at is None
    assert store.counts().referrals == {("approved", "surgical", "elective"): 1}


def test_what_a_worker_worked_out_before_an_answer_is_dropped(
    desk: Answers, store: SqlStore, clock: HandClock
) -> None:
    arrive(store, clock)
    (claim,) = store.claim(10, clock.as_of())
    answered = approval(opened(desk))
    desk.answer(TENANT, answered)
    withdrawn = proposal(1, status="revoked")
    writes = (emitted("ServiceRequest", "request-1", "ann", b'{"gone":1}'),)
    assert store.save([result(claim, writes=writes, referrals=(withdrawn,))]) == [False]
    assert referrals(store, clock) == (answered.after,)
    request = store.read(TENANT, "ServiceRequest", "request-1")
    assert request is not None and request.body == b'{"done":1}'


@pytest.mark.parametrize("writes", [(), (emitted("ServiceRequest", "request-1", "ann", b'{"new":1}'),)])
def test_an_answer_to_what_a_worker_has_changed_changes_nothing(
    desk: Answers, store: SqlStore, clock: HandClock, writes: tuple[Write, ...]
) -> None:
    answered = approval(opened(desk))
    arrive(store, clock)
    (claim,) = store.claim(10, clock.as_of())
    withdrawn = proposal(1, status="revoked") if not writes else proposal(1)
    store.save([result(claim, writes=writes, referrals=(withdrawn,))])
    lines = store.verify_ledger(TENANT).lines
    assert refused(desk, answered) is Category.CONFLICT
    assert store.read(TENANT, "ServiceRequest", "order-1") is None
    assert store.verify_ledger(TENANT).lines == lines
    assert opened(desk).referral == withdrawn
    assert store.claim(10, clock.as_of()) == []


def test_of_many_answers_at_once_one_counts(
    desk: Answers, open_store: Callable[[], SqlStore], clock: HandClock
) -> None:
    desks = [Answers(open_store().engine, clock) for _ in range(4)]
    found = opened(desk)

    def approve(number: int) -> bool:
        try:
            return bool(desks[number].answer(TENANT, approval(found, f"order-{number}")))
        except Problem as refusal:
            assert refusal.category is Category.CONFLICT
            return False

    with ThreadPoolExecutor(len(desks)) as pool:
        assert sorted(pool.map(approve, range(len(desks)))) == [False, False, False, True]
    store = open_store()
    orders = [store.read(TENANT, "ServiceRequest", f"order-{n}") for n in range(len(desks))]
    assert [order.id for order in orders if order] == [opened(desk).referral.order]


def test_an_answer_for_nobody_is_void(desk: Answers, clock: HandClock) -> None:
    answered = approval(opened(desk))
    unknown = replace(answered, before=replace(answered.before, task="another"))
    assert refused(desk, unknown) is Category.CONFLICT


def test_a_patient_that_was_parked_is_due_again(desk: Answers, store: SqlStore, clock: HandClock) -> None:
    arrive(store, clock)
    claim: Claim | None = None
    for _ in range(5):
        clock.pass_by(seconds=600)
        (claim,) = store.claim(10, clock.as_of())
        store.fail(claim, "fault")
    clock.pass_by(seconds=600)
    assert (store.claim(10, clock.as_of()), store.counts().patients_parked) == ([], 1)
    desk.answer(TENANT, approval(opened(desk)))
    assert store.counts().patients_parked == 0
    assert len(store.claim(10, clock.as_of())) == 1
