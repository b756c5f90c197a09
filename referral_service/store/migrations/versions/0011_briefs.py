"""What lists say of each episode's decision."""

from collections import defaultdict
from itertools import chain
from typing import Final

from alembic import op
from sqlalchemy import Column, Connection, LargeBinary, String

from referral_service.core.brief import brief
from referral_service.core.decision import Decision
from referral_service.core.timeline import AnyFact
from referral_service.store import bodies
from referral_service.store.bulk import Row, Statement
from referral_service.store.migrations.beside import in_steps
from referral_service.store.persons import Owner, members

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_SETTING = "current_setting('referral.tenant', true)"
_IS_SHOWN = f"CASE WHEN {_SETTING} = '*' THEN true ELSE tenant = {_SETTING} END"
_AT_ONCE: Final = 500  # facts
_NEXT: Final = Statement(
    "SELECT tenant, patient, key, body FROM episode WHERE (tenant, patient, key) > (?, ?, ?)"
    " ORDER BY tenant, patient, key LIMIT 200"
)
_KEEP: Final = Statement(
    "INSERT INTO brief (tenant, patient, key, body) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (tenant, patient, key) DO UPDATE SET body = excluded.body"
)
# Written as a join that SQLite does not turn around: it would read every fact.
_FACTS: Final = """WITH asked (tenant, patient, source) AS (VALUES {asked})
SELECT fact.tenant, fact.patient, fact.body FROM asked CROSS JOIN fact
WHERE fact.tenant = asked.tenant AND fact.patient = asked.patient AND fact.source = asked.source
AND fact.known_until IS NULL"""


def upgrade() -> None:
    """Reads every episode once; on PostgreSQL in transactions of some each, so that nobody waits for all."""
    with in_steps() as connection:
        op.create_table(
            "brief",
            *(Column(name, String, primary_key=True) for name in ("tenant", "patient", "key")),
            Column("body", LargeBinary, nullable=False),
            sqlite_with_rowid=False,
            if_not_exists=True,
        )
        if connection.dialect.name == "postgresql":
            _hold_to_tenants()
        _fill(connection)


def _hold_to_tenants() -> None:
    op.execute("DROP POLICY IF EXISTS of_one_tenant ON brief")
    op.execute(f"CREATE POLICY of_one_tenant ON brief USING ({_IS_SHOWN})")
    op.execute("ALTER TABLE brief ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE brief FORCE ROW LEVEL SECURITY")


def _fill(connection: Connection) -> None:
    last: Row = ("", "", "")
    while rows := _NEXT.read(connection, last):
        found = [((tenant, patient), key, bodies.episode(body)) for tenant, patient, key, body in rows]
        facts = _facts(connection, [(owner, one.decision) for owner, _, one in found])
        kept = [(*owner, key, bodies.encode(brief(one.decision, facts[owner]))) for owner, key, one in found]
        _KEEP.run(connection, kept)
        last = rows[-1][:3]


def _facts(connection: Connection, decided: list[tuple[Owner, Decision]]) -> dict[Owner, list[AnyFact]]:
    """Those that the responses rest on, whichever patient of the same person they are of."""
    persons = members(connection, {owner for owner, _ in decided})
    same = {owner: persons.get(owner, owner[1:]) for owner, _ in decided}
    evidence = {
        (owner[0], patient, reference.partition("/_history/")[0])
        for owner, decision in decided
        for one in decision.criteria
        if one.id == "response"
        for reference in one.evidence
        for patient in same[owner]
    }
    facts: dict[Row, list[AnyFact]] = defaultdict(list)
    asked = sorted(evidence)
    for first in range(0, len(asked), _AT_ONCE):
        some = asked[first : first + _AT_ONCE]
        text = _FACTS.format(asked=", ".join(["(?, ?, ?)"] * len(some)))
        for tenant, patient, body in Statement(text).read(connection, tuple(chain(*some))):
            facts[tenant, patient].append(bodies.fact(body))
    return {owner: [it for one in same[owner] for it in facts[owner[0], one]] for owner in same}
