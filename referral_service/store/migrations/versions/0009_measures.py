"""When each step of a proposal was taken, as columns; and the orders in which lists and measures are read."""

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Column, Connection, String, column, select, table, text, update

from referral_service.store import bodies
from referral_service.store.steps import steps_of
from referral_service.store.tables import microseconds

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STEPS = ("drafted_at", "reviewed_at", "approved_at", "sent_at", "accepted_at", "visited_at", "reported_at")
_REFERRAL = table("referral", *map(column, ("tenant", "task", "body", "declined_for", *_STEPS)))
_IS_OPEN = "task_status IN ('requested', 'in-progress', 'on-hold')"
_INDICES = (
    ("referral_by_list", ("stage", "tenant", "due_at", "task"), None),
    ("referral_by_asked", ("tenant", "stage", "target", "region", "due_at", "task"), None),
    ("referral_open", ("task_status", "target", "urgency"), _IS_OPEN),
    ("referral_by_owner", ("tenant", "stage", "owner", "due_at", "task"), "owner IS NOT NULL"),
    ("referral_by_draft", ("tenant", *_STEPS, "declined_for"), "drafted_at IS NOT NULL"),
    ("referral_by_sent", ("tenant", "sent_at", "patient", "reported_at"), "sent_at IS NOT NULL"),
)
_AT_ONCE = 500


def upgrade() -> None:
    """Reads every referral once, and the versions of its Tasks."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    # a migration that was cut off is done again
    again: dict[str, Any] = {} if is_sqlite else {"if_not_exists": True}
    for name in _STEPS:
        op.add_column("referral", Column(name, BigInteger), **again)
    op.add_column("referral", Column("declined_for", String), **again)
    _fill(op.get_bind())
    if is_sqlite:
        _index()
        return
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")  # it waits for others, and nobody for it
        _index(**again, postgresql_concurrently=True)


def _index(**how: Any) -> None:
    for name, columns, condition in _INDICES:
        where = text(condition) if condition else None
        op.create_index(name, "referral", [*columns], sqlite_where=where, postgresql_where=where, **how)
    for name in ("referral_by_stage", "referral_open_task"):
        op.drop_index(name, "referral", if_exists=True)


def _fill(connection: Connection) -> None:
    own = select(_REFERRAL.c.tenant, _REFERRAL.c.task, _REFERRAL.c.body).order_by("tenant", "task")
    rows = connection.execute(own).all()
    for first in range(0, len(rows), _AT_ONCE):
        found = [(row.tenant, bodies.referral(row.body)) for row in rows[first : first + _AT_ONCE]]
        steps = steps_of(connection, found)
        for tenant, one in found:
            if one.task not in steps:
                continue
            *instants, declined_for = steps[one.task]
            kept = [None if at is None else microseconds(at) for at in instants]
            row = (_REFERRAL.c.tenant == tenant, _REFERRAL.c.task == one.task)
            values = {**dict(zip(_STEPS, kept, strict=True)), "declined_for": declined_for}
            connection.execute(update(_REFERRAL).where(*row).values(values))
