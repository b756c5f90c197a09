"""By which codes stored resources were read: every set of codes that a process has read by since `reread`.

More than one stays until then, also where the first is set again: what came meanwhile was read by the other.
"""

from datetime import UTC, datetime

from sqlalchemy import Connection, delete, select

from referral_service.store.bulk import Statement
from referral_service.store.tables import microseconds, switch

_KIND = "codes "
_NEVER = datetime.fromtimestamp(0, UTC)  # of codes that only `reread` has read by
_NOTE = Statement(
    "INSERT INTO switch (name, since) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET since = excluded.since"
)
_IS_OF_CODES = switch.c.name.startswith(_KIND, autoescape=True)


def note(connection: Connection, codes: str, now: datetime) -> None:
    """Keeps that resources are read by these codes from now on."""
    _NOTE.run(connection, [(_KIND + codes, microseconds(now))])


def is_otherwise(connection: Connection, codes: str) -> bool:
    """Whether something that is stored may have been read by other codes than these."""
    asked = select(switch.c.name).where(_IS_OF_CODES, switch.c.name != _KIND + codes).limit(1)
    return connection.scalar(asked) is not None


def is_latest(connection: Connection, codes: str) -> bool:
    """Whether no process has begun to read by other codes since one began to read by these."""
    begun = select(switch.c.name).where(_IS_OF_CODES, switch.c.since > _NEVER)
    return connection.scalar(begun.order_by(switch.c.since.desc()).limit(1)) in (None, _KIND + codes)


def settle(connection: Connection, codes: str) -> None:
    """Keeps that everything that is stored was read by these."""
    connection.execute(delete(switch).where(_IS_OF_CODES, switch.c.name != _KIND + codes))
    if connection.scalar(select(switch.c.name).where(_IS_OF_CODES)) is None:
        note(connection, codes, _NEVER)
