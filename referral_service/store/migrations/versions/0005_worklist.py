"""Where each referral stands on the worklist, and who has claimed it, as columns with an index."""

from alembic import op
from sqlalchemy import Column, String

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OPEN = "task_status IN ('requested', 'in-progress', 'on-hold')"
_STAGE = f"""CASE
    WHEN {_OPEN} AND urgency = 'urgent' THEN 'red-flag'
    WHEN {_OPEN} AND target IS NULL THEN 'information'
    WHEN {_OPEN} THEN 'review'
    WHEN fulfillment_status = 'draft' THEN 'ready'
    ELSE 'closed' END"""


def upgrade() -> None:
    """Referrals are few beside resources: all of them are written once."""
    op.add_column("referral", Column("stage", String))
    op.add_column("referral", Column("owner", String))
    # an owner is in the body alone until the next answer; the worklist reads it there
    op.execute(f"UPDATE referral SET stage = {_STAGE}, due_at = COALESCE(due_at, 0)")  # noqa: S608
    if op.get_bind().dialect.name == "sqlite":
        op.create_index("referral_by_stage", "referral", ["tenant", "stage", "due_at", "task"])
        return
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")  # it waits for others, and nobody for it
        op.create_index(
            "referral_by_stage",
            "referral",
            ["tenant", "stage", "due_at", "task"],
            if_not_exists=True,
            postgresql_concurrently=True,
        )
