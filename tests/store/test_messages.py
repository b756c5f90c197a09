"""Orders on their way, in both databases: one sender each, and nothing is kept by one that is late."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from referral_service.core.fulfillment import Within
from referral_service.store import bodies
from referral_service.store.answers import Answers
from referral_service.store.messages import SqlOutbox, stopped
from referral_service.store.outside import message
from referral_service.store.store import SqlStore
from referral_service.store.tables import referral
from referral_service.workflow.hand_over import sent
from referral_service.workflow.review import Asked, Review
from referral_service.workflow.transmit import Delivery
from tests.kit.clocks import HandClock
from tests.kit.judged import PATHWAY
from tests.kit.writes import TENANT
from tests.store.test_differences import NAMES, NURSE, evaluate, post

ORDERS = 12
WITHIN = Within.of(PATHWAY.numbers)
UTC = ZoneInfo("UTC")
FLAG = [{"condition": "G83.4", "onset": -3, "id": "flag"}]
THERE = {"ServiceRequest": "s1", "Task": "t1"}


@pytest.fixture
def approved(store: SqlStore, clock: HandClock) -> SqlStore:
    """So many orders that nobody has sent."""
    for number in range(ORDERS):
        post(store, f"p{number}", FLAG)
    evaluate(store, clock)
    review = Review(Answers(store.engine, clock), clock, NAMES)
    with store.engine.connect() as connection:
        drafts = [bodies.referral(body).id for body in connection.scalars(select(referral.c.body))]
    for draft in drafts:
        review.run(TENANT, Asked("approve", "ServiceRequest", draft, NURSE))
    evaluate(store, clock)
    return store


def outbox(store: SqlStore, clock: HandClock) -> SqlOutbox:
    return SqlOutbox(store.engine, clock, 60, "fhir")


def arrive(box: SqlOutbox, clock: HandClock, delivery: Delivery) -> bool:
    return box.arrived(delivery, sent(delivery.opened, clock.now(), WITHIN), THERE)


def rows(store: SqlStore) -> list[tuple[str, int, int]]:
    with store.engine.connect() as connection:
        found = connection.execute(select(message).order_by(message.c.id)).all()
    return [(row.state, row.attempts, row.token) for row in found]


def test_each_order_is_one_senders_at_a_time(
    approved: SqlStore, open_store: Callable[[], SqlStore], clock: HandClock
) -> None:
    boxes = [outbox(approved, clock), *(outbox(open_store(), clock) for _ in range(2))]
    with ThreadPoolExecutor(len(boxes)) as several:
        taken = [one for found in several.map(lambda box: box.claim(100), boxes) for one in found]
    orders = [one.opened.referral.order for one in taken]
    assert len(orders) == len(set(orders)) <= ORDERS
    # whom two wanted at once the next look finds
    orders += [one.opened.referral.order for one in boxes[0].claim(100)]
    assert len(orders) == len(set(orders)) == ORDERS


def test_a_try_is_kept_before_it_is_made(approved: SqlStore, clock: HandClock) -> None:
    (delivery, *_) = outbox(approved, clock).claim(1)
    assert (delivery.attempts, delivery.opened.referral.tried_at) == (1, clock.now())
    assert rows(approved) == [("waiting", 1, delivery.token)]
    again = Answers(approved.engine, clock).open(
        TENANT, "ServiceRequest", delivery.opened.referral.order or ""
    )
    assert again
    assert again.referral.may_be_sent


def test_who_has_lost_the_lease_keeps_nothing(approved: SqlStore, clock: HandClock) -> None:
    box = outbox(approved, clock)
    (late,) = box.claim(1)
    assert late.opened.referral.order not in [one.opened.referral.order for one in box.claim(100)]
    clock.pass_by(seconds=61)
    second = next(one for one in box.claim(100) if one.opened.referral.order == late.opened.referral.order)
    assert second.attempts == 2
    assert not arrive(box, clock, late)
    assert not box.stop(late, "refused", None)
    assert arrive(box, clock, second)
    assert not arrive(box, clock, second)


def test_what_has_arrived_is_claimed_no_more_and_asked_after(approved: SqlStore, clock: HandClock) -> None:
    box = outbox(approved, clock)
    for delivery in box.claim(100):
        assert arrive(box, clock, delivery)
    clock.pass_by(hours=2)
    assert box.claim(100) == []
    asked = box.sent_due(100, timedelta(minutes=10))
    assert len(asked) == ORDERS
    assert {tuple(there.items()) for _, _, there in asked} == {tuple(THERE.items())}
    assert box.sent_due(100, timedelta(minutes=10)) == []
    tenant, order, _ = asked[0]
    box.done(tenant, order)
    clock.pass_by(hours=1)
    assert len(box.sent_due(100, timedelta(minutes=10))) == ORDERS - 1


def test_what_is_stopped_waits_for_a_person(approved: SqlStore, clock: HandClock) -> None:
    box = outbox(approved, clock)
    (delivery,) = box.claim(1)
    assert box.stop(delivery, "refused", None)
    clock.pass_by(days=1)
    assert delivery.opened.referral.order not in [one.opened.referral.order for one in box.claim(100)]
    with approved.engine.connect() as connection:
        assert stopped(connection) == 1


def test_what_somebody_changed_meanwhile_is_not_claimed(approved: SqlStore, clock: HandClock) -> None:
    box, desk = outbox(approved, clock), Answers(approved.engine, clock)
    review = Review(desk, clock, NAMES)
    with approved.engine.connect() as connection:
        orders = [bodies.referral(body).order for body in connection.scalars(select(referral.c.body))]
    review.run(TENANT, Asked("withdraw", "ServiceRequest", orders[0] or "", NURSE))
    assert orders[0] not in [one.opened.referral.order for one in box.claim(100)]


def test_a_person_may_take_it_there(approved: SqlStore, clock: HandClock) -> None:
    box = outbox(approved, clock)
    (delivery,) = box.claim(1)
    answered = sent(delivery.opened, clock.now(), WITHIN, NURSE)
    assert answered
    box.entered(TENANT, answered, {})
    assert not arrive(box, clock, delivery)
    clock.pass_by(hours=1)
    assert len(box.claim(100)) == ORDERS - 1


def test_a_person_may_have_it_tried_again(approved: SqlStore, clock: HandClock) -> None:
    box = outbox(approved, clock)
    (delivery,) = box.claim(1)
    box.stop(delivery, "refused", None)
    answered = sent(delivery.opened, clock.now(), WITHIN, NURSE)
    assert answered
    before = answered.before
    box.resume(TENANT, replace(answered, after=before, writes=()))
    assert before.order in [one.opened.referral.order for one in box.claim(100)]
