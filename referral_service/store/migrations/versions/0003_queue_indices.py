"""The indices of the queue. PostgreSQL builds them while others read and write; may be run again."""

from alembic import op
from sqlalchemy import text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CLEAN = "place IS NULL AND parked_at IS NULL"
_INDICES = (
    ("patient_dirty", "patient", "place", "place IS NOT NULL"),
    ("patient_asleep", "patient", "wake_at", f"{_CLEAN} AND wake_at IS NOT NULL"),
    ("patient_ahead", "patient", "asked_at", f"{_CLEAN} AND asked_at IS NOT NULL"),
    ("referral_unsent", "referral", "task", "fulfillment_status = 'draft'"),
)


def upgrade() -> None:
    """One at a time; what a run that was cut off has left is built anew."""
    if op.get_bind().dialect.name == "sqlite":
        _build(concurrently=False)
    else:
        with op.get_context().autocommit_block():
            op.execute("SET lock_timeout = 0")  # it waits for others, and nobody for it
            _build(concurrently=True)


def _build(*, concurrently: bool) -> None:
    for name, table, column, where in _INDICES:
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=concurrently)
        op.create_index(
            name,
            table,
            [column],
            sqlite_where=text(where),
            postgresql_where=text(where),
            postgresql_concurrently=concurrently,
        )
