"""Where each referral stands on the worklist, and who has claimed it, as columns with an index."""

from sqlalchemy import Column, String, text

from referral_service.store.migrations.beside import add_columns, build_indices, in_steps

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


# PostgreSQL keeps what is written locked until a statement ends
_FILL = f"""UPDATE referral SET stage = {_STAGE}, due_at = COALESCE(due_at, 0)
    WHERE (tenant, task) IN (SELECT tenant, task FROM referral WHERE stage IS NULL LIMIT 5000)"""  # noqa: S608 - our own


def upgrade() -> None:
    """Referrals are few beside resources: all of them are written once."""
    with in_steps() as connection:
        add_columns("referral", [Column("stage", String), Column("owner", String)])
        # an owner is in the body alone until the next answer; the worklist reads it there
        while connection.execute(text(_FILL)).rowcount:
            pass
    build_indices("referral", [("referral_by_stage", ["tenant", "stage", "due_at", "task"], None)])
