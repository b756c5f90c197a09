"""By which codes stored resources were read: every set of codes that a process has read by since `reread`.

More than one stays until then, also where the first is set again: what came meanwhile was read by the other.
"""

from datetime import datetime

from sqlalchemy import Connection, delete, select

from referral_service.store.bulk import Statement
from referral_service.store.tables import microseconds, switch

_KIND = "codes "
_NOTE = Statement("INSERT INTO switch (name, since) VALUES (?, ?) ON CONFLICT (name) DO NOTHING")
_IS_OF_CODES = switch.c.name.startswith(_KIND, autoescape=True)


def note(connection: Connection, codes: str, now: datetime) -> None:
    """Keeps that resources are read by these codes from now on."""
    _NOTE.run(connection, [(_KIND + codes, microseconds(now))])


def is_otherwise(connection: Connection, codes: str) -> bool:
    """Whether something that is stored may have been read by other codes than these."""
    asked = select(switch.c.name).where(_IS_OF_CODES, switch.c.name != _KIND + codes).limit(1)
    return connection.scalar(asked) is not None


def settle(connection: Connection, codes: str, now: datetime) -> None:
    """Keeps that everything that is stored was read by these."""
    connection.execute(delete(switch).where(_IS_OF_CODES, switch.c.name != _KIND + codes))
    note(connection, codes, now)
