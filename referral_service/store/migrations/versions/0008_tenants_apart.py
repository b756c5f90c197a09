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
# A planner takes a CASE to hold for half of the rows. Of an OR it believes that hardly any row is left, and
# sorts a whole table where it had better walk an index.
_IS_SHOWN = f"CASE WHEN {_SETTING} = '*' THEN true ELSE tenant = {_SETTING} END"


def upgrade() -> None:
    """Takes no time, however many rows there are. SQLite has no such thing."""
    if op.get_bind().dialect.name == "sqlite":
        return
    for table in _TABLES:
        op.execute(f"CREATE POLICY of_one_tenant ON {table} USING ({_IS_SHOWN})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        # the service owns its tables, and whoever owns a table is asked nothing otherwise
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
