"""Who is on duty: the workers that look whether somebody is due, and whether operators let them."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from referral_service.store.bulk import Statement
from referral_service.store.tables import microseconds, switch, worker

_FORGOTTEN_AFTER = timedelta(days=1)
_DRAIN = "drain"
_LOOKED = Statement(
    "INSERT INTO worker (name, started_at, looked_at) VALUES (?, ?, ?)"
    " ON CONFLICT (name) DO UPDATE SET looked_at = excluded.looked_at"
)


def looked(connection: Connection, name: str, now: datetime) -> None:
    """Keeps that a worker has looked; forgets those that have been silent for long."""
    _LOOKED.run(connection, [(name, microseconds(now), microseconds(now))])
    connection.execute(delete(worker).where(worker.c.looked_at < now - _FORGOTTEN_AFTER))


def left(connection: Connection, name: str) -> None:
    """Keeps that a worker has ended in order."""
    connection.execute(delete(worker).where(worker.c.name == name))


def drained_since(connection: Connection) -> datetime | None:
    """Since when operators let no worker claim anybody; None while workers may."""
    since: datetime | None = connection.scalar(select(switch.c.since).where(switch.c.name == _DRAIN))
    return since


def drain(connection: Connection, now: datetime | None) -> None:
    """Lets no worker claim anybody from `now` on; None: lets them again."""
    if now is None:
        connection.execute(delete(switch).where(switch.c.name == _DRAIN))
    elif not drained_since(connection):
        connection.execute(insert(switch).values(name=_DRAIN, since=now))
