"""The tables between us and other systems: what is sent, what is to be fetched, what was seen before.

As in `store.tables`: every row has its tenant, instants are microseconds since 1970, and a partial index
holds what is due and nothing else. A row that several processes may work on has a fencing `token`, is
nobody's once `due_at` has passed, and counts its `attempts` before the work.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, Index, Integer, LargeBinary, String, literal_column
from sqlalchemy.schema import SchemaItem

from referral_service.store.tables import Instant, key, table


def _tries() -> tuple[SchemaItem, ...]:
    """`category` is that of the last failure."""
    return (
        Column("due_at", Instant, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("token", Integer, nullable=False),
        Column("category", String),
    )


def _partial(name: str, column: Column[Any], condition: ColumnElement[bool]) -> None:
    Index(name, column, sqlite_where=condition, postgresql_where=condition)


# An approved order on its way to its destination: `id` is the order's, `task` its referral's. `state` is
# waiting, sent, stopped (a person must look) or cancelled. `since` is when it was approved.
message = table(
    "message",
    key("tenant"),
    key("id"),
    Column("task", String, nullable=False),
    Column("destination", String, nullable=False),
    Column("state", String, nullable=False),
    *_tries(),
    Column("since", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("body", LargeBinary, nullable=False),
)
IS_WAITING = message.c.state == literal_column("'waiting'")
IS_STOPPED = message.c.state == literal_column("'stopped'")
IS_SENT = message.c.state == literal_column("'sent'")
_partial("message_due", message.c.due_at, IS_WAITING)
_partial("message_stopped", message.c.since, IS_STOPPED)
_partial("message_sent", message.c.due_at, IS_SENT)

# Something to fetch from a source, such as Patient/ID with all that is theirs; `asked` counts how often.
errand = table(
    "errand",
    key("tenant"),
    key("source"),
    key("what"),
    *_tries(),
    Column("asked", Integer, nullable=False),
    Column("since", Instant, nullable=False),
    Column("parked_at", Instant),
)
_partial("errand_due", errand.c.due_at, errand.c.parked_at.is_(None))

# How far we have come with a source: a high-water mark, the last number of an event.
mark = table(
    "mark",
    key("tenant"),
    key("source"),
    key("name"),
    Column("value", String, nullable=False),
    Column("at", Instant, nullable=False),
)

# What counts once: the id of a token, of a notification. Forgotten after `until`.
once = table(
    "once",
    key("tenant"),
    key("kind"),
    key("key"),
    Column("until", Instant, nullable=False),
    Index("once_until", "until"),
)

# What became of the cards of a decision support service.
feedback = table(
    "feedback",
    key("tenant"),
    key("card"),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("service", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("reason", String),
)

# The Subscriptions of partners: up to which line of the ledger each has been told, and how often.
outlet = table(
    "outlet",
    key("tenant"),
    key("id"),
    Column("seq", BigInteger, nullable=False),
    Column("sent", BigInteger, nullable=False),
    *_tries(),
    Column("parked_at", Instant),
)
_partial("outlet_due", outlet.c.due_at, outlet.c.parked_at.is_(None))

# People who have signed in; `id` is the digest of what their browser holds.
session = table(
    "session",
    key("id"),
    Column("tenant", String, nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("session_until", "until"),
)
