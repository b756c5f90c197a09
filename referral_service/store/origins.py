"""Which source each resource came from, and its state there: a mark a resource, named "Type/id".

The state is text that sorts, as workflow/admit.py forms it: when that version was written at the source.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, select

from referral_service.store import marks
from referral_service.store.bulk import inserting
from referral_service.store.engine import reading, writing
from referral_service.store.outside import mark
from referral_service.store.tables import fact, microseconds
from referral_service.workflow.admit import Feed
from referral_service.workflow.ports import Clock

_AT_ONCE = 500
# Text of one alphabet and length, so that databases with any collation compare it alike.
_REACH = inserting(
    mark,
    """ON CONFLICT (tenant, source, name) DO UPDATE SET
    value = CASE WHEN mark.value < excluded.value THEN excluded.value ELSE mark.value END,
    at = CASE WHEN mark.value < excluded.value THEN excluded.at ELSE mark.at END""",
)


class SqlOrigins:
    """The ports `Origins` and `Marks`, on any engine with the schema of `store.tables`."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        """Safe to use from several threads."""
        self._engine = engine
        self._clock = clock

    def reached(self, feed: Feed, states: Mapping[str, str]) -> set[str]:
        """Keeps the states of resources; says for which a later one was known."""
        if not states:
            return set()
        with writing(self._engine) as connection:
            known = reach(connection, feed, states, self._clock.now())
        return {name for name, state in states.items() if state and known[name] > state}

    def of_others(self, feed: Feed, names: Sequence[str]) -> set[str]:
        """Those that came from other sources alone."""
        asked = select(mark.c.name, mark.c.source).where(mark.c.tenant == feed.tenant)
        sources: dict[str, set[str]] = {}
        with reading(self._engine) as connection:
            for some in _several(names):
                for row in connection.execute(asked.where(mark.c.name.in_(some))):
                    sources.setdefault(row.name, set()).add(row.source)
        return {name for name, found in sources.items() if feed.source not in found}

    def of_patient(self, feed: Feed, identity: str) -> set[str]:
        """The "Type/id" of a patient's living resources that came from this source."""
        asked = (
            select(fact.c.source)
            .join(mark, (mark.c.tenant == fact.c.tenant) & (mark.c.name == fact.c.source))
            .where(fact.c.tenant == feed.tenant, fact.c.patient == identity, fact.c.known_until.is_(None))
            .where(mark.c.source == feed.source)
        )
        with reading(self._engine) as connection:
            return set(connection.scalars(asked.distinct()))

    def mark(self, feed: Feed, name: str) -> str:
        """The value of a mark, "" without it."""
        with reading(self._engine) as connection:
            return marks.get(connection, *feed, name) or ""

    def put_back(self, feed: Feed, name: str, value: str) -> None:
        """The mark stands there now."""
        with writing(self._engine) as connection:
            marks.put(connection, *feed, name, value, self._clock.now())


def reach(connection: Connection, feed: Feed, states: Mapping[str, str], at: datetime) -> dict[str, str]:
    """Raises the marks to these states, where they stood lower; the states that they have then."""
    # in one order everywhere, so that no two transactions wait for each other
    _REACH.run(connection, [(*feed, name, states[name], microseconds(at)) for name in sorted(states)])
    own = select(mark.c.name, mark.c.value).where(mark.c.tenant == feed.tenant, mark.c.source == feed.source)
    return {
        row.name: row.value
        for some in _several(sorted(states))
        for row in connection.execute(own.where(mark.c.name.in_(some)))
    }


def _several(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _AT_ONCE):
        yield names[start : start + _AT_ONCE]
