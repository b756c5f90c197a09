"""PostgreSQL shows and takes a tenant's rows only for that tenant: see store/tenancy.py."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TABLES = (
    *("resource", "resource_version", "token", "moment", "fact"),
    *("patient", "episode", "referral", "ledger", "ledger_head", "alarm", "tally"),
    *("message", "errand", "mark", "feedback", "outlet"),
)
_SETTING = "current_setting('referral.tenant', true)"


def upgrade() -> None:
    """Takes no time, however many rows there are. SQLite has no such thing."""
    if op.get_bind().dialect.name == "sqlite":
        return
    for table in _TABLES:
        op.execute(f"CREATE POLICY of_one_tenant ON {table} USING ({_SETTING} = '*' OR tenant = {_SETTING})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        # the service owns its tables, and whoever owns a table is asked nothing otherwise
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
