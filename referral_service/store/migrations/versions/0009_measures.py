"""When each step of a proposal was taken, as columns; and the orders in which lists and measures are read."""

from sqlalchemy import BigInteger, Column, Connection, String

from referral_service.store import bodies
from referral_service.store.bulk import Row, Statement
from referral_service.store.migrations.beside import add_columns, build_indices, drop_indices, in_steps
from referral_service.store.steps import steps_of
from referral_service.store.tables import microseconds

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STEPS = ("drafted_at", "reviewed_at", "approved_at", "sent_at", "accepted_at", "visited_at", "reported_at")
_IS_OPEN = "task_status IN ('requested', 'in-progress', 'on-hold')"
_INDICES = (
    ("referral_by_list", ("stage", "tenant", "due_at", "task"), None),
    ("referral_by_asked", ("tenant", "stage", "target", "region", "due_at", "task"), None),
    ("referral_open", ("task_status", "target", "urgency"), _IS_OPEN),
    ("referral_by_owner", ("tenant", "stage", "owner", "due_at", "task"), "owner IS NOT NULL"),
    ("referral_by_draft", ("tenant", *_STEPS, "declined_for"), "drafted_at IS NOT NULL"),
    ("referral_by_sent", ("tenant", "sent_at", "patient", "reported_at"), "sent_at IS NOT NULL"),
)
_NEXT = Statement(
    "SELECT tenant, task, body FROM referral WHERE (tenant, task) > (?, ?) ORDER BY tenant, task LIMIT 500"
)
_VALUES = ", ".join(f"{name} = ?" for name in (*_STEPS, "declined_for"))
_KEEP = Statement(f"UPDATE referral SET {_VALUES} WHERE tenant = ? AND task = ?")  # noqa: S608 - our own names


def upgrade() -> None:
    """Reads every referral once, and the versions of its Tasks."""
    with in_steps() as connection:
        add_columns("referral", [Column(name, BigInteger) for name in _STEPS])
        add_columns("referral", [Column("declined_for", String)])
        _fill(connection)
    build_indices("referral", _INDICES)
    drop_indices("referral", ("referral_by_stage", "referral_open_task"))


def _fill(connection: Connection) -> None:
    last: Row = ("", "")
    while rows := _NEXT.read(connection, last):
        found = [(tenant, bodies.referral(body)) for tenant, _, body in rows]
        steps = steps_of(connection, found)
        kept: list[Row] = []
        for tenant, one in found:
            if one.task in steps:
                *instants, declined_for = steps[one.task]
                at = (None if it is None else microseconds(it) for it in instants)
                kept.append((*at, declined_for, tenant, one.task))
        _KEEP.run(connection, kept)
        last = rows[-1][:2]
