"""Places in the queue instead of a mark, who holds a lease, traces, the workers, and operators' switches.

Also the status of the Task that fulfils a referral, which until now stood in the body alone.
"""

import json

from alembic import op
from sqlalchemy import BigInteger, Column, String, text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns without a value take no time, however many patients there are; only those due are written."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for column in (
        Column("place", BigInteger),
        Column("leased_by", String),
        Column("trace", String),
    ):
        op.add_column("patient", column)
    for table, columns in (("worker", ("started_at", "looked_at")), ("switch", ("since",))):
        instants = (Column(name, BigInteger, nullable=False) for name in columns)
        op.create_table(table, Column("name", String, primary_key=True), *instants)
    is_dirty = "is_dirty = 1" if is_sqlite else "is_dirty"
    op.execute(f"UPDATE patient SET place = dirty_since WHERE {is_dirty} AND parked_at IS NULL")  # noqa: S608
    for name in ("patient_dirty", "patient_asleep", "patient_ahead"):
        op.drop_index(name, "patient")
    op.drop_column("patient", "is_dirty")
    op.add_column("referral", Column("fulfillment_status", String))
    _fill_fulfillment()


def _fill_fulfillment() -> None:
    connection = op.get_bind()
    approved = connection.execute(
        text("SELECT tenant, task, body FROM referral WHERE status = 'completed' AND target IS NOT NULL")
    ).all()
    rows = [
        {"tenant": tenant, "task": task, "now": json.loads(body).get("fulfillment_status")}
        for tenant, task, body in approved
    ]
    if rows:
        change = "UPDATE referral SET fulfillment_status = :now WHERE tenant = :tenant AND task = :task"
        connection.execute(text(change), rows)
