"""What is to be fetched from other systems: asked for as often as they tell, fetched once, and never lost.

A row a thing: who asks again while one is under way makes it due once more, no more than that. An attempt is
counted before the work, so that one which ends its own process is counted too. After the last attempt an
errand is parked, where operators see it; what failed for the other side's sake is tried on, now and then.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from random import uniform
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, delete, select, update

from referral_service.core.problem import Category
from referral_service.store import tally
from referral_service.store.bulk import inserting
from referral_service.store.duty import drained_since
from referral_service.store.engine import writing
from referral_service.store.fencing import first_token
from referral_service.store.origins import reach
from referral_service.store.outside import errand
from referral_service.store.tables import microseconds
from referral_service.workflow.admit import Admitted, Feed
from referral_service.workflow.fetch import Errand
from referral_service.workflow.poll import PREFIX
from referral_service.workflow.ports import Clock

MOST_ATTEMPTS: Final = 5
_AT_ONCE: Final = 500
_NO_NEWS: Final = "unchanged"
_NOTHING: Final[Mapping[str, str]] = {}
_PAUSE_SECONDS: Final = 5.0
_PARKED_FOR: Final = timedelta(minutes=10)
_LONGEST_WAIT: Final = timedelta(hours=1)
# What a later attempt may well mend by itself, unlike a resource that no check lets pass.
_MENDABLE: Final = tuple(
    it.name.lower()
    for it in (
        Category.BUSY,
        Category.UNAVAILABLE,
        Category.INTERRUPTED,
        Category.FORBIDDEN,
        Category.CONFLICT,
        Category.FAULT,
    )
)
_CONTENT: Final = (Category.INCORRECT.name.lower(), Category.REFUSED.name.lower())
# One that is under way, or waits after a failure, keeps its time: `asked` makes it due again in the end.
_ASK = inserting(
    errand,
    """ON CONFLICT (tenant, source, what) DO UPDATE SET
    due_at = CASE WHEN errand.parked_at IS NOT NULL OR errand.attempts = 0
        THEN excluded.due_at ELSE errand.due_at END,
    since = CASE WHEN errand.parked_at IS NOT NULL OR (errand.attempts = 0 AND errand.since > excluded.since)
        THEN excluded.since ELSE errand.since END,
    attempts = CASE WHEN errand.parked_at IS NOT NULL THEN 0 ELSE errand.attempts END,
    category = CASE WHEN errand.parked_at IS NOT NULL THEN NULL ELSE errand.category END,
    parked_at = NULL,
    asked = errand.asked + 1""",
)
_ENSURE = inserting(errand, "ON CONFLICT (tenant, source, what) DO NOTHING")
# One that is still to be done shows by itself what is wrong.
_PARK = inserting(
    errand,
    """ON CONFLICT (tenant, source, what) DO UPDATE SET
    category = excluded.category, parked_at = excluded.parked_at WHERE errand.parked_at IS NOT NULL""",
)


def ask(connection: Connection, feed: Feed, whats: Iterable[str], now: datetime) -> None:
    """Makes these due, "Type/id" or "poll:Type", and counts the request."""
    _ASK.run(connection, [_row(feed, what, now) for what in sorted(set(whats))])


def park(connection: Connection, feed: Feed, refused: Mapping[str, Category], now: datetime) -> None:
    """Shows operators what was not taken, by "Type/id"."""
    rows = [
        _row(feed, what, now, category=category.name.lower(), parked_at=microseconds(now))
        for what, category in sorted(refused.items())
    ]
    _PARK.run(connection, rows)


def note(connection: Connection, feed: Feed, admitted: Admitted, now: datetime) -> None:
    """Counts what became of resources; those refused are parked, those taken are so no more."""
    park(connection, feed, {one.name: one.category for one in admitted.refused if one.name}, now)
    was_refused = and_(errand.c.parked_at.is_not(None), errand.c.category.in_(_CONTENT))
    own = (errand.c.tenant == feed.tenant, errand.c.source == feed.source, was_refused)
    for start in range(0, len(admitted.taken), _AT_ONCE):
        some = admitted.taken[start : start + _AT_ONCE]
        connection.execute(delete(errand).where(*own, errand.c.what.in_(some)))
    count(connection, feed, admitted.counts)


def count(connection: Connection, feed: Feed, counts: Mapping[str, int]) -> None:
    """Adds to what operators count, by source and by what became of it; the last thing of a transaction."""
    told = {what: number for what, number in counts.items() if what != _NO_NEWS}
    tally.add(connection, {(feed.tenant, "incoming", f"{feed.source} {it}"): n for it, n in told.items()})


def all_parked(connection: Connection) -> list[Row[Any]]:
    """What is set aside, of all tenants and sources, the longest first."""
    asked = select(errand).where(errand.c.parked_at.is_not(None))
    return list(connection.execute(asked.order_by(errand.c.parked_at, errand.c.source, errand.c.what)))


def retry(connection: Connection, now: datetime) -> int:
    """Makes everything that is parked due again, all attempts before it; how many that were."""
    fresh = {"attempts": 0, "category": None, "parked_at": None, "due_at": now, "since": now}
    return connection.execute(update(errand).where(errand.c.parked_at.is_not(None)).values(**fresh)).rowcount


class SqlErrands:
    """Claims errands for one worker, and gives them back. Safe to use from several threads."""

    def __init__(self, engine: Engine, clock: Clock, lease_seconds: int) -> None:
        """Any engine with the schema of `store.tables`; a lease lasts `lease_seconds` after its renewal."""
        self._engine = engine
        self._clock = clock
        self._lease = timedelta(seconds=lease_seconds)

    def ask(self, feed: Feed, whats: Iterable[str]) -> None:
        """Makes these due."""
        with writing(self._engine) as connection:
            ask(connection, feed, whats, self._clock.now())

    def ensure(self, feed: Feed, whats: Iterable[str]) -> None:
        """Makes those due that nobody ever asked for."""
        now = self._clock.now()
        with writing(self._engine) as connection:
            _ENSURE.run(connection, [_row(feed, what, now) for what in sorted(whats)])

    def note(self, feed: Feed, admitted: Admitted, reached: Mapping[str, str] = _NOTHING) -> None:
        """Counts what became of resources, shows operators those that were refused, and moves marks on."""
        now = self._clock.now()
        with writing(self._engine) as connection:
            if reached:
                reach(connection, feed, reached, now)
            note(connection, feed, admitted, now)

    def claim(self, feed: Feed, *, polls: bool) -> Errand | None:
        """Leases what has been due the longest, a poll or anything else; None if nothing is."""
        now = self._clock.now()
        own = (errand.c.tenant == feed.tenant, errand.c.source == feed.source, errand.c.due_at <= now)
        is_poll = errand.c.what.startswith(PREFIX)
        asked = select(errand).where(*own, is_poll if polls else ~is_poll).order_by(errand.c.due_at).limit(1)
        parked = and_(errand.c.parked_at.is_not(None), errand.c.category.in_(_MENDABLE))
        with writing(self._engine) as connection:
            if drained_since(connection):
                return None
            for state in (errand.c.parked_at.is_(None), parked):
                while row := connection.execute(asked.where(state).with_for_update(skip_locked=True)).first():
                    if row.parked_at is None and row.attempts >= MOST_ATTEMPTS:
                        self._park(connection, row, "fault", now)
                        continue
                    leased = {"token": row.token + 1, "attempts": row.attempts + 1}
                    connection.execute(_one(row).values(**leased, due_at=now + self._lease))
                    return Errand(
                        feed=feed,
                        what=row.what,
                        token=row.token + 1,
                        asked=row.asked,
                        attempts=row.attempts + 1,
                        since=row.since,
                        at=now,
                    )
        return None

    def renew(self, held: Errand) -> bool:
        """Makes the lease last as long again, from now; False if the errand is another's by now."""
        with writing(self._engine) as connection:
            renewed = connection.execute(_held(held).values(due_at=self._clock.now() + self._lease))
        return renewed.rowcount > 0

    def done(self, held: Errand, again: timedelta | None = None) -> None:
        """It was fetched; due at once if asked for meanwhile, else in so long, or never."""
        now = self._clock.now()
        with writing(self._engine) as connection:
            if again is None:
                unasked = errand.c.asked == held.asked
                connection.execute(delete(errand).where(*_key_of(held), _has_token(held), unasked))
            row = connection.execute(select(errand.c.asked).where(*_key_of(held)).with_for_update()).first()
            if row is None:
                return
            at = now if again is None or row.asked != held.asked else now + again
            fresh = {"attempts": 0, "category": None, "parked_at": None}
            connection.execute(_held(held).values(**fresh, due_at=at, since=at))

    def give_back(self, held: Errand) -> None:
        """Nothing was wrong with it: it is due at once, and the attempt does not count."""
        with writing(self._engine) as connection:
            now = self._clock.now()
            connection.execute(_held(held).values(attempts=max(held.attempts - 1, 0), due_at=now))

    def fail(self, held: Errand, category: Category, wait_seconds: float | None = None) -> bool:
        """It comes again a little later, or when told to; says whether it was parked."""
        now = self._clock.now()
        with writing(self._engine) as connection:
            asked = select(errand).where(*_key_of(held), _has_token(held))
            row = connection.execute(asked.with_for_update()).first()
            if row is None:
                return False
            name = category.name.lower()
            if row.parked_at is None and held.attempts < MOST_ATTEMPTS and category.value.worker != "park":
                # the jitter keeps what failed together from coming back together
                pause = _PAUSE_SECONDS * 2**held.attempts * uniform(0.5, 1.5)  # noqa: S311 - no secret
                at = now + min(timedelta(seconds=max(pause, wait_seconds or 0)), _LONGEST_WAIT)
                connection.execute(_held(held).values(category=name, due_at=at))
                return False
            self._park(connection, row, name, now)
            return row.parked_at is None

    def _park(self, connection: Connection, row: Row[Any], category: str, now: datetime) -> None:
        again = now + _PARKED_FOR * uniform(0.75, 1.25)  # noqa: S311 - no secret
        since = row.parked_at or now
        connection.execute(_one(row).values(category=category, due_at=again, parked_at=since))


def _row(feed: Feed, what: str, now: datetime, **more: object) -> tuple[object, ...]:
    at = microseconds(now)
    values = {
        "tenant": feed.tenant,
        "source": feed.source,
        "what": what,
        "due_at": at,
        "attempts": 0,
        "token": first_token(),
        "asked": 1,
        "since": at,
        **more,
    }
    return tuple(values.get(column.name) for column in errand.columns)


def _one(row: Row[Any]) -> Any:
    key = (errand.c.tenant == row.tenant, errand.c.source == row.source, errand.c.what == row.what)
    return update(errand).where(*key)


def _key_of(held: Errand) -> tuple[ColumnElement[bool], ...]:
    return (
        errand.c.tenant == held.feed.tenant,
        errand.c.source == held.feed.source,
        errand.c.what == held.what,
    )


def _has_token(held: Errand) -> ColumnElement[bool]:
    return errand.c.token == held.token


def _held(held: Errand) -> Any:
    return update(errand).where(*_key_of(held), _has_token(held))
