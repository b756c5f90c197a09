"""Alarms in the database: kept with the referrals that they are about, taken by whoever tells people."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, select, tuple_, update

from referral_service.core.referral import Referral
from referral_service.core.stage import stage
from referral_service.store import ledger
from referral_service.store.bulk import deleting, inserting
from referral_service.store.engine import writing
from referral_service.store.tables import alarm, microseconds
from referral_service.workflow.ladder import Alarm
from referral_service.workflow.ports import Clock, Happening, Tenant

_TAKEN_FOR = timedelta(minutes=1)
_MOST = 100
_RAISE = inserting(alarm, "ON CONFLICT (tenant, task) DO NOTHING")
_END = deleting(alarm)


def follow(connection: Connection, referrals: Sequence[tuple[Tenant, Referral]], now: datetime) -> None:
    """An alarm for each red flag that nobody has acknowledged, and none for any other referral."""
    at = microseconds(now)
    waits = {(tenant, one.task): _is_alarming(one) for tenant, one in referrals}
    _RAISE.run(connection, [(*key, at, at) for key, is_one in sorted(waits.items()) if is_one])
    _END.run(connection, [key for key, is_one in sorted(waits.items()) if not is_one])


def _is_alarming(one: Referral) -> bool:
    return stage(one) == "red-flag" and one.acknowledged_at is None


class SqlAlarms:
    """The port `Alarms`."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        """Any engine with the schema of `store.tables`."""
        self._engine = engine
        self._clock = clock

    def take(self, now: datetime) -> list[Alarm]:
        """The alarms that are due, for a minute nobody else's."""
        due = select(alarm).where(alarm.c.due_at <= now).order_by(alarm.c.due_at).limit(_MOST)
        with writing(self._engine) as connection:
            rows = connection.execute(due.with_for_update(skip_locked=True)).all()
            keys = [(row.tenant, row.task) for row in rows]
            if keys:
                taken = update(alarm).where(tuple_(alarm.c.tenant, alarm.c.task).in_(keys))
                connection.execute(taken.values(due_at=now + _TAKEN_FOR))
        return [Alarm(row.tenant, row.task, row.since) for row in rows]

    def keep(self, told: Sequence[Alarm], rung: int, following: Sequence[datetime]) -> None:
        """They were told on this rung, which the ledger keeps; each is due again then."""
        now = self._clock.now()
        with writing(self._engine) as connection:
            for one, at in zip(told, following, strict=True):
                own = (alarm.c.tenant == one.tenant, alarm.c.task == one.task, alarm.c.since == one.since)
                connection.execute(update(alarm).where(*own).values(due_at=at))
            for tenant in sorted({one.tenant for one in told}):
                lines = [
                    Happening("alerted", f"Task/{one.task}", "service", {"rung": str(rung)})
                    for one in told
                    if one.tenant == tenant
                ]
                ledger.append(connection, tenant, now, lines)
