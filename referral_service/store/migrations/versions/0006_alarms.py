"""Alarms: red flags that nobody has acknowledged, and when somebody is told next."""

from alembic import op
from sqlalchemy import BigInteger, Column, String

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Those that wait already are told at once, acknowledged ones too: that stands in the body alone."""
    op.create_table(
        "alarm",
        Column("tenant", String, primary_key=True),
        Column("task", String, primary_key=True),
        Column("since", BigInteger, nullable=False),
        Column("due_at", BigInteger, nullable=False),
    )
    op.create_index("alarm_due", "alarm", ["due_at"])
    op.execute(
        "INSERT INTO alarm (tenant, task, since, due_at) "
        "SELECT tenant, task, due_at, due_at FROM referral WHERE stage = 'red-flag'"
    )
