"""Messages between systems: orders on their way, what is to be fetched, what was seen, who listens."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, text
from sqlalchemy.schema import SchemaItem

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _key(name: str) -> Column[str]:
    return Column(name, String, primary_key=True)


def _tries() -> tuple[SchemaItem, ...]:
    return (
        Column("due_at", BigInteger, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("token", Integer, nullable=False),
        Column("category", String),
    )


def upgrade() -> None:
    """New tables; orders that were approved before wait for the first look of a sender."""
    op.create_table(
        "message",
        _key("tenant"),
        _key("id"),
        Column("task", String, nullable=False),
        Column("destination", String, nullable=False),
        Column("state", String, nullable=False),
        *_tries(),
        Column("since", BigInteger, nullable=False),
        Column("sent_at", BigInteger),
        Column("body", LargeBinary, nullable=False),
    )
    for name, column, condition in (
        ("message_due", "due_at", "state = 'waiting'"),
        ("message_stopped", "since", "state = 'stopped'"),
        ("message_sent", "due_at", "state = 'sent'"),
    ):
        where = text(condition)
        op.create_index(name, "message", [column], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "errand",
        _key("tenant"),
        _key("source"),
        _key("what"),
        *_tries(),
        Column("asked", Integer, nullable=False),
        Column("since", BigInteger, nullable=False),
        Column("parked_at", BigInteger),
    )
    where = text("parked_at IS NULL")
    op.create_index("errand_due", "errand", ["due_at"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "mark",
        _key("tenant"),
        _key("source"),
        _key("name"),
        Column("value", String, nullable=False),
        Column("at", BigInteger, nullable=False),
    )
    op.create_table(
        "once", _key("tenant"), _key("kind"), _key("key"), Column("until", BigInteger, nullable=False)
    )
    op.create_index("once_until", "once", ["until"])
    op.create_table(
        "feedback",
        _key("tenant"),
        _key("card"),
        Column("at", BigInteger, primary_key=True, autoincrement=False),
        Column("service", String, nullable=False),
        Column("outcome", String, nullable=False),
        Column("reason", String),
    )
    op.create_table(
        "outlet",
        _key("tenant"),
        _key("id"),
        Column("seq", BigInteger, nullable=False),
        Column("sent", BigInteger, nullable=False),
        *_tries(),
        Column("parked_at", BigInteger),
    )
    op.create_index("outlet_due", "outlet", ["due_at"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "session",
        _key("id"),
        Column("tenant", String, nullable=False),
        Column("begun_at", BigInteger, nullable=False),
        Column("seen_at", BigInteger, nullable=False),
        Column("until", BigInteger, nullable=False),
        Column("body", LargeBinary, nullable=False),
    )
    op.create_index("session_until", "session", ["until"])
