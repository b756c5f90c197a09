"""The schema, one for SQLite and PostgreSQL. Every row has its tenant; instants are microseconds since 1970.

Partial indices hold what is due or open and nothing else, so that finding it costs what is due, not what is
stored. The unique ones make a second open referral impossible, whatever the code does.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    and_,
    literal_column,
)
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

FIRST = -(2**62)
LAST = 2**62


def microseconds(instant: datetime) -> int:
    """An instant as the store keeps it."""
    return (instant - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=64)
def instant(kept: int) -> datetime:
    """An instant that the store keeps, UTC. What is stored together shares one."""
    return _EPOCH + kept * _MICROSECOND


class Instant(TypeDecorator[datetime]):
    """An instant, exact on every database and quick to compare; always UTC when read."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To microseconds since 1970."""
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """From microseconds since 1970."""
        return None if value is None else instant(value)


metadata = MetaData()


def key(name: str) -> Column[str]:
    return Column(name, String, primary_key=True)


def table(name: str, *columns: SchemaItem, clustered: bool = False) -> Table:
    """`clustered`: SQLite keeps the row in its key's own tree, so that neighbours are read together."""
    return Table(name, metadata, *columns, sqlite_with_rowid=not clustered)


def _partial(
    name: str, condition: ColumnElement[bool], *columns: Column[Any], is_unique: bool = False
) -> None:
    Index(name, *columns, unique=is_unique, sqlite_where=condition, postgresql_where=condition)


def _version(version: Column[int]) -> tuple[SchemaItem, ...]:
    return (
        key("tenant"),
        key("type"),
        key("id"),
        version,
        Column("updated_at", Instant, nullable=False),
        Column("is_deleted", Boolean, nullable=False),
        Column("is_posted", Boolean, nullable=False),
        Column("patient", String),
        Column("body", LargeBinary, nullable=False),
    )


# The current version of every resource, deleted ones too. `found_by` holds its rows of `token` and `moment`,
# so that a new version changes only those that are not the same, and none needs to be found by its resource.
resource = table(
    "resource",
    *_version(Column("version", Integer, nullable=False)),
    Column("found_by", LargeBinary, nullable=False),
    Index("resource_by_time", "tenant", "type", "updated_at", "id"),
)

# The versions that came before it.
resource_version = table(
    "resource_version",
    *_version(Column("version", Integer, primary_key=True)),
)

# The codes that resources are found by, each with its system, "" without one; and the references, with none.
token = table(
    "token",
    key("tenant"),
    key("type"),
    key("name"),
    key("code"),
    key("id"),
    key("system"),
    clustered=True,
)

# The ranges of instants that the dates of resources cover.
moment = table(
    "moment",
    key("tenant"),
    key("type"),
    key("id"),
    key("name"),
    Column("start", BigInteger, primary_key=True),
    Column("end", BigInteger, primary_key=True),
    clustered=True,
)

# What the pathway reads, dated twice: a fact was known from `known_at` until before `known_until`; if that is
# empty, it is current. Parts are 0, 1, ...; those of an earlier reading of the same version are below.
fact = table(
    "fact",
    key("tenant"),
    key("patient"),
    key("source"),
    Column("version", Integer, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("known_at", Instant, nullable=False),
    Column("known_until", Instant),
    Column("body", LargeBinary, nullable=False),
)

# Who is to be looked at, and when; who is being looked at, and by which claim.
patient = table(
    "patient",
    key("tenant"),
    key("id"),
    Column("place", BigInteger),
    Column("dirty_since", Instant),
    Column("changes", Integer, nullable=False),
    Column("wake_at", Instant),
    Column("asked_at", Instant),
    Column("attempts", Integer, nullable=False),
    Column("token", Integer, nullable=False),
    Column("leased_until", Instant),
    Column("parked_at", Instant),
    Column("parked_category", String),
    Column("leased_by", String),
    Column("trace", String),
)
# Something arrived since the last decision: its place in the queue, see store/dirt.py. A parked one has none.
IS_DIRTY = patient.c.place.is_not(None)
_IS_CLEAN = and_(patient.c.place.is_(None), patient.c.parked_at.is_(None))
SLEEPS = and_(_IS_CLEAN, patient.c.wake_at.is_not(None))
# Decided for a later instant than is asked for now: only where the clock was shifted and is so no more.
IS_AHEAD = and_(_IS_CLEAN, patient.c.asked_at.is_not(None))
IS_PARKED = patient.c.parked_at.is_not(None)
_partial("patient_dirty", IS_DIRTY, patient.c.place)
_partial("patient_asleep", SLEEPS, patient.c.wake_at)
_partial("patient_ahead", IS_AHEAD, patient.c.asked_at)
_partial("patient_parked", IS_PARKED, patient.c.parked_at)

episode = table(
    "episode",
    key("tenant"),
    key("patient"),
    key("key"),
    Column("is_open", Boolean, nullable=False),
    Column("region", String),
    Column("body", LargeBinary, nullable=False),
    clustered=True,
)

# What lists say of an episode's decision; the episode itself is some kilobytes.
brief = table(
    "brief",
    key("tenant"),
    key("patient"),
    key("key"),
    Column("body", LargeBinary, nullable=False),
    clustered=True,
)

# One row a Task of ours: a proposal with its review, or (without a target) a review alone.
# When the STEPS of a proposal were taken: store/steps.py.
STEPS = ("drafted_at", "reviewed_at", "approved_at", "sent_at", "accepted_at", "visited_at", "reported_at")
referral = table(
    "referral",
    key("tenant"),
    key("task"),
    Column("patient", String, nullable=False),
    Column("id", String, nullable=False),
    Column("identifier", String, nullable=False),
    Column("region", String),
    Column("target", String),
    Column("urgency", String, nullable=False),
    Column("status", String, nullable=False),
    Column("task_status", String, nullable=False),
    Column("due_at", Instant),
    Column("body", LargeBinary, nullable=False),
    Column("fulfillment_status", String),
    Column("stage", String),
    Column("owner", String),
    *(Column(name, Instant) for name in STEPS),
    Column("declined_for", String),
    Index("referral_by_patient", "tenant", "patient"),
    Index("referral_by_list", "stage", "tenant", "due_at", "task"),
    Index("referral_by_asked", "tenant", "stage", "target", "region", "due_at", "task"),
)
# written out, not bound: a planner matches a partial index by its literal condition
IS_PROPOSAL = referral.c.target.is_not(None)
_IS_DRAFT = and_(IS_PROPOSAL, referral.c.status == literal_column("'draft'"))
IS_OPEN_ELECTIVE = and_(_IS_DRAFT, referral.c.urgency == literal_column("'elective'"))
IS_OPEN_URGENT = and_(_IS_DRAFT, referral.c.urgency == literal_column("'urgent'"))
TASK_IS_OPEN = referral.c.task_status.in_(
    [literal_column(f"'{status}'") for status in ("requested", "in-progress", "on-hold")]
)
# Approved, and no EHR has it yet.
IS_UNSENT = referral.c.fulfillment_status == literal_column("'draft'")
for name, condition, columns in (
    ("referral_identifier", IS_PROPOSAL, "tenant identifier"),
    ("referral_one_elective", IS_OPEN_ELECTIVE, "tenant patient region target"),
    ("referral_one_urgent", IS_OPEN_URGENT, "tenant patient"),
    ("referral_unsent", IS_UNSENT, "task"),
    ("referral_open", TASK_IS_OPEN, "task_status target urgency"),
    ("referral_by_owner", referral.c.owner.is_not(None), "tenant stage owner due_at task"),
    ("referral_by_draft", referral.c.drafted_at.is_not(None), f"tenant {' '.join(STEPS)} declined_for"),
    ("referral_by_sent", referral.c.sent_at.is_not(None), "tenant sent_at patient reported_at"),
):
    is_unique = name.startswith("referral_one") or name == "referral_identifier"
    _partial(name, condition, *(referral.c[column] for column in columns.split()), is_unique=is_unique)

# Who did what, in order; each line's hash covers the line before it.
ledger = table(
    "ledger",
    key("tenant"),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("previous", String, nullable=False),
    Column("hash", String, nullable=False),
)
# The last line of each tenant's ledger; locked while lines are added.
ledger_head = table(
    "ledger_head",
    key("tenant"),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String, nullable=False),
)

# Red flags that nobody has acknowledged: since when each waits, and when somebody is told next.
alarm = table(
    "alarm",
    key("tenant"),
    key("task"),
    Column("since", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Index("alarm_due", "due_at"),
)

# The worker processes: when each last looked whether somebody is due.
worker = table(
    "worker",
    Column("name", String, primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("looked_at", Instant, nullable=False),
)

# What operators have switched on, such as `drain`, and the codes that resources were read by; since when.
switch = table(
    "switch",
    Column("name", String, primary_key=True),
    Column("since", Instant, nullable=False),
)

# Counts that survive restarts and cover every process, such as evaluations by outcome.
tally = table(
    "tally",
    key("tenant"),
    key("name"),
    key("label"),
    Column("count", BigInteger, nullable=False),
)
