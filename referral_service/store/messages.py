"""What is to be sent, in the database: orders on their way. The port `Outbox`.

An order that is approved and not sent needs no message to be found: the first look of a sender makes one.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, Row, and_, or_, select, update
from sqlalchemy.exc import DBAPIError

from referral_service.core.problem import Category, Problem
from referral_service.store import answers, bodies
from referral_service.store.bulk import inserting
from referral_service.store.engine import reading
from referral_service.store.failures import is_collision, problem_of
from referral_service.store.fencing import first_token
from referral_service.store.outside import IS_SENT, IS_STOPPED, message
from referral_service.store.tables import IS_UNSENT, microseconds, referral
from referral_service.workflow.hand_over import ACTOR
from referral_service.workflow.ports import Clock, Happening, Referral, Tenant
from referral_service.workflow.review import Answered, Opened
from referral_service.workflow.transmit import Delivery

Json = dict[str, Any]
_T = TypeVar("_T")
_NEW: Final = inserting(message, "ON CONFLICT (tenant, id) DO NOTHING")
_encode, _decode = msgspec.json.encode, msgspec.json.Decoder(dict[str, str]).decode


class SqlOutbox:
    """Orders on their way to one destination."""

    def __init__(self, engine: Engine, clock: Clock, lease_seconds: float, destination: str) -> None:
        """`destination` is kept with each message, for operators."""
        self._engine = engine
        self._clock = clock
        self._lease = timedelta(seconds=lease_seconds)
        self._destination = destination
        self._answers = answers.Answers(engine, clock)

    def claim(self, limit: int) -> list[Delivery]:
        """Orders that are due, each with its attempt counted; the first attempt is kept on the referral."""
        own = and_(message.c.tenant == referral.c.tenant, message.c.task == referral.c.task)
        is_due = or_(
            message.c.id.is_(None),
            and_(message.c.state == "waiting", message.c.due_at <= self._clock.now()),
        )
        found = select(referral.c.tenant, referral.c.body).select_from(referral.outerjoin(message, own))
        found = found.where(IS_UNSENT, is_due).order_by(referral.c.due_at).limit(limit)
        with reading(self._engine) as connection:
            rows = [(Tenant(row.tenant), bodies.referral(row.body)) for row in connection.execute(found)]
        claimed = (self._claim(tenant, one) for tenant, one in rows)
        return [one for one in claimed if one]

    def _claim(self, tenant: Tenant, one: Referral) -> Delivery | None:
        opened = self._answers.open(tenant, "ServiceRequest", one.order or "")
        if opened is None or opened.referral.fulfillment_status != "draft":
            return None
        try:
            with self._engine.begin() as connection:
                taken = self._take(connection, tenant, opened)
        except DBAPIError as error:
            if is_collision(error):
                return None
            raise problem_of(error) from error
        except Problem as error:
            if error.category is Category.CONFLICT:
                return None  # somebody changed it meanwhile: the next look sees what it has become
            raise
        return taken

    def _take(self, connection: Connection, tenant: Tenant, opened: Opened) -> Delivery | None:
        before, now = opened.referral, self._clock.now()
        row = self._row(connection, tenant, before, now)
        if row is None or row.state != "waiting" or row.due_at > now:
            return None
        connection.execute(
            update(message)
            .where(message.c.tenant == tenant, message.c.id == before.order)
            .values(token=row.token + 1, attempts=row.attempts + 1, due_at=now + self._lease)
        )
        if before.tried_at is None:
            after = replace(before, tried_at=now)
            told = Happening("sending", f"ServiceRequest/{before.order}", ACTOR)
            tried = Answered(
                patient=opened.patient, before=before, after=after, writes=(), happenings=(told,)
            )
            answers.store(connection, tenant, tried, now)
            opened = replace(opened, referral=after)
        return Delivery(tenant=tenant, opened=opened, token=row.token + 1, attempts=row.attempts + 1)

    def _row(self, connection: Connection, tenant: Tenant, one: Referral, now: datetime) -> Row[Any] | None:
        """The order's message, locked; made if there is none."""
        at = microseconds(now)
        new = {
            "tenant": tenant,
            "id": one.order,
            "task": one.task,
            "destination": self._destination,
            "state": "waiting",
            "due_at": at,
            "attempts": 0,
            "token": first_token(),
            "since": at,
            "body": b"{}",
        }
        _NEW.run(connection, [tuple(new.get(column.name) for column in message.columns)])
        return _locked(connection, tenant, one.order or "")

    def hold(self, delivery: Delivery) -> bool:
        """Whether it is still this process's; then it is for another lease."""
        return self._keep(delivery, None, due_at=self._clock.now() + self._lease)

    def arrived(self, delivery: Delivery, answered: Answered | None, there: Json) -> bool:
        """Keeps that it has arrived, and as what; False if the lease was lost."""
        return self._keep(delivery, answered, **_sent(self._clock.now(), there))

    def put_off(self, delivery: Delivery, until: datetime, category: str, answered: Answered | None) -> bool:
        """Another try then."""
        return self._keep(delivery, answered, due_at=until, category=category)

    def stop(self, delivery: Delivery, category: str, answered: Answered | None) -> bool:
        """No other try before a person asks for one."""
        return self._keep(delivery, answered, state="stopped", category=category)

    def _keep(self, delivery: Delivery, answered: Answered | None, **values: Any) -> bool:
        order = delivery.opened.referral.order or ""

        def change(connection: Connection) -> bool:
            row = _locked(connection, delivery.tenant, order)
            if row is None or (row.token, row.state) != (delivery.token, "waiting"):
                return False
            if answered:
                answers.store(connection, delivery.tenant, answered, self._clock.now())
            own = and_(message.c.tenant == delivery.tenant, message.c.id == order)
            connection.execute(update(message).where(own).values(**values))
            return True

        return self._in_one(change)

    def again(self, delivery: Delivery) -> Opened | None:
        """The referral as it is by now."""
        return self._answers.open(delivery.tenant, "ServiceRequest", delivery.opened.referral.order or "")

    def entered(self, tenant: Tenant, answered: Answered, there: Json) -> None:
        """Keeps that a person, or the partner, has taken the order to its destination."""
        now = self._clock.now()

        def change(connection: Connection) -> bool:
            self._row(connection, tenant, answered.before, now)
            answers.store(connection, tenant, answered, now)
            own = and_(message.c.tenant == tenant, message.c.id == answered.before.order)
            gone = {**_sent(now, there), "token": message.c.token + 1}
            connection.execute(update(message).where(own).values(**gone))
            return True

        self._in_one(change)

    def resume(self, tenant: Tenant, answered: Answered) -> None:
        """Lets a stopped order be tried again at once."""
        now = self._clock.now()

        def change(connection: Connection) -> bool:
            self._row(connection, tenant, answered.before, now)
            answers.store(connection, tenant, answered, now)
            own = and_(message.c.tenant == tenant, message.c.id == answered.before.order)
            connection.execute(update(message).where(own).values(state="waiting", due_at=now))
            return True

        self._in_one(change)

    def sent_due(self, limit: int, again_in: timedelta) -> list[tuple[Tenant, str, dict[str, str]]]:
        """Sent orders whose fulfiller is to be asked: tenant, order, and its ids on the other side."""
        now = self._clock.now()
        due = select(message).where(IS_SENT, message.c.due_at <= now).order_by(message.c.due_at).limit(limit)

        def take(connection: Connection) -> list[tuple[Tenant, str, dict[str, str]]]:
            rows = connection.execute(due.with_for_update(skip_locked=True)).all()
            for row in rows:
                own = and_(message.c.tenant == row.tenant, message.c.id == row.id)
                connection.execute(update(message).where(own).values(due_at=now + again_in))
            return [(Tenant(row.tenant), row.id, _decode(row.body)) for row in rows]

        return self._in_one(take)

    def done(self, tenant: Tenant, order: str) -> None:
        """Nobody asks for a fulfiller's word on this order any more."""
        own = and_(message.c.tenant == tenant, message.c.id == order)
        self._in_one(lambda connection: connection.execute(update(message).where(own).values(state="done")))

    def _in_one(self, change: Callable[[Connection], _T]) -> _T:
        try:
            with self._engine.begin() as connection:
                return change(connection)
        except DBAPIError as error:
            raise problem_of(error) from error


def _sent(at: datetime, there: Json) -> dict[str, Any]:
    """From now on its fulfiller is asked."""
    return {"state": "sent", "sent_at": at, "due_at": at, "body": _encode(there), "category": None}


def _locked(connection: Connection, tenant: Tenant, order: str) -> Row[Any] | None:
    own = select(message).where(message.c.tenant == tenant, message.c.id == order).with_for_update()
    return connection.execute(own).one_or_none()


def stopped(connection: Connection) -> int:
    """How many orders cannot be sent before a person looks."""
    return len(connection.execute(select(message.c.id).where(IS_STOPPED)).all())
