"""Patients who are one person: see store/persons.py."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, String

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_SETTING = "current_setting('referral.tenant', true)"
_IS_SHOWN = f"CASE WHEN {_SETTING} = '*' THEN true ELSE tenant = {_SETTING} END"


def _key(name: str) -> Column[str]:
    return Column(name, String, primary_key=True)


def upgrade() -> None:
    """New tables, empty: what Patients that are stored say is read when `referral-service join` is run."""
    op.create_table(
        "bond",
        _key("tenant"),
        _key("name"),
        _key("patient"),
        Column("born", String, nullable=False),
        Column("is_replaced", Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("bond_by_patient", "bond", ["tenant", "patient"])
    op.create_table(
        "person",
        _key("tenant"),
        _key("patient"),
        Column("known_at", BigInteger, primary_key=True, autoincrement=False),
        Column("known_until", BigInteger),
        Column("person", String, nullable=False),
    )
    op.create_index("person_members", "person", ["tenant", "person"])
    if op.get_bind().dialect.name == "sqlite":
        return
    for table in ("bond", "person"):
        op.execute(f"CREATE POLICY of_one_tenant ON {table} USING ({_IS_SHOWN})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
