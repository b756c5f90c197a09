"""The first schema: resources and their facts, who is due, what was decided and referred, and the ledger."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, String, text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _key(name: str) -> Column[str]:
    return Column(name, String, primary_key=True)


def upgrade() -> None:
    """Makes every table and index."""
    _resources()
    _patients()
    _referrals()
    _ledger()


def _resources() -> None:
    for name, number, *more in (
        (
            "resource",
            Column("version", Integer, nullable=False),
            Column("found_by", LargeBinary, nullable=False),
        ),
        ("resource_version", Column("version", Integer, primary_key=True)),
    ):
        op.create_table(
            name,
            _key("tenant"),
            _key("type"),
            _key("id"),
            number,
            Column("updated_at", BigInteger, nullable=False),
            Column("is_deleted", Boolean, nullable=False),
            Column("is_posted", Boolean, nullable=False),
            Column("patient", String),
            Column("body", LargeBinary, nullable=False),
            *more,
        )
    op.create_index("resource_by_time", "resource", ["tenant", "type", "updated_at", "id"])
    op.create_table(
        "token",
        *(_key(name) for name in ("tenant", "type", "name", "code", "id", "system")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "moment",
        *(_key(name) for name in ("tenant", "type", "id", "name")),
        Column("start", BigInteger, primary_key=True),
        Column("end", BigInteger, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fact",
        _key("tenant"),
        _key("patient"),
        _key("source"),
        Column("version", Integer, primary_key=True),
        Column("part", Integer, primary_key=True),
        Column("known_at", BigInteger, nullable=False),
        Column("known_until", BigInteger),
        Column("body", LargeBinary, nullable=False),
    )


def _patients() -> None:
    op.create_table(
        "patient",
        _key("tenant"),
        _key("id"),
        Column("is_dirty", Boolean, nullable=False),
        Column("dirty_since", BigInteger),
        Column("changes", Integer, nullable=False),
        Column("wake_at", BigInteger),
        Column("asked_at", BigInteger),
        Column("attempts", Integer, nullable=False),
        Column("token", Integer, nullable=False),
        Column("leased_until", BigInteger),
        Column("parked_at", BigInteger),
        Column("parked_category", String),
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    dirty, clean = ("is_dirty = 1", "is_dirty = 0") if is_sqlite else ("is_dirty", "NOT is_dirty")
    _partial("patient_dirty", "patient", ["dirty_since"], f"{dirty} AND parked_at IS NULL")
    _partial(
        "patient_asleep", "patient", ["wake_at"], f"{clean} AND wake_at IS NOT NULL AND parked_at IS NULL"
    )
    _partial(
        "patient_ahead", "patient", ["asked_at"], f"{clean} AND asked_at IS NOT NULL AND parked_at IS NULL"
    )
    _partial("patient_parked", "patient", ["parked_at"], "parked_at IS NOT NULL")
    op.create_table(
        "episode",
        _key("tenant"),
        _key("patient"),
        _key("key"),
        Column("is_open", Boolean, nullable=False),
        Column("region", String),
        Column("body", LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )


def _referrals() -> None:
    op.create_table(
        "referral",
        _key("tenant"),
        _key("task"),
        Column("patient", String, nullable=False),
        Column("id", String, nullable=False),
        Column("identifier", String, nullable=False),
        Column("region", String),
        Column("target", String),
        Column("urgency", String, nullable=False),
        Column("status", String, nullable=False),
        Column("task_status", String, nullable=False),
        Column("due_at", BigInteger),
        Column("body", LargeBinary, nullable=False),
    )
    op.create_index("referral_by_patient", "referral", ["tenant", "patient"])
    draft = "target IS NOT NULL AND status = 'draft'"
    _partial(
        "referral_identifier", "referral", ["tenant", "identifier"], "target IS NOT NULL", is_unique=True
    )
    _partial(
        "referral_one_elective",
        "referral",
        ["tenant", "patient", "region", "target"],
        f"{draft} AND urgency = 'elective'",
        is_unique=True,
    )
    _partial(
        "referral_one_urgent",
        "referral",
        ["tenant", "patient"],
        f"{draft} AND urgency = 'urgent'",
        is_unique=True,
    )
    _partial(
        "referral_open_task",
        "referral",
        ["due_at"],
        "task_status IN ('requested', 'in-progress', 'on-hold')",
    )


def _ledger() -> None:
    op.create_table(
        "ledger",
        _key("tenant"),
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        Column("at", BigInteger, nullable=False),
        Column("kind", String, nullable=False),
        Column("subject", String, nullable=False),
        Column("actor", String, nullable=False),
        Column("detail", String, nullable=False),
        Column("previous", String, nullable=False),
        Column("hash", String, nullable=False),
    )
    op.create_table(
        "ledger_head",
        _key("tenant"),
        Column("seq", BigInteger, nullable=False),
        Column("hash", String, nullable=False),
    )
    op.create_table(
        "tally", _key("tenant"), _key("name"), _key("label"), Column("count", BigInteger, nullable=False)
    )


def _partial(name: str, table: str, columns: list[str], where: str, is_unique: bool = False) -> None:
    op.create_index(
        name, table, columns, unique=is_unique, sqlite_where=text(where), postgresql_where=text(where)
    )
