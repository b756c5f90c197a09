"""Nor does PostgreSQL empty the ledger; SQLite has no statement that does but DELETE."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Takes no time."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE OR REPLACE TRIGGER ledger_refuses_truncation BEFORE TRUNCATE ON ledger "
            "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuses()"
        )
