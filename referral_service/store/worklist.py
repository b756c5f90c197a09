"""The coordinators' lists: referrals by stage, what is due first coming first, page after page; read-only.

A page costs what it shows: an index holds its order, and is walked from where the last page ended. Counts
stop at MOST_COUNTED.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import product
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, select

from referral_service.core.record import REGIONS
from referral_service.core.stage import STAGES, Stage
from referral_service.store import bodies, persons
from referral_service.store.bulk import Row, Statement
from referral_service.store.engine import reading as snapshot
from referral_service.store.index import short
from referral_service.store.reading import read
from referral_service.store.tables import IS_PROPOSAL, episode, microseconds, referral
from referral_service.store.waiting import Waiting, whole
from referral_service.workflow.ports import Episode, PatientId, Tenant

MOST_COUNTED: Final = 100  # the measures tell of more
MOST_FLAGS: Final = 10
_MOST_NAMESAKES: Final = 50
_MOST_BARS: Final = 4
_TARGETS: Final = ("intradiscal", "surgical", "review")
_NO_REGION: Final = "none"
# What has none in its column.
_NONE: Final = ("review", _NO_REGION, "")
_OPEN: Final = tuple(stage for stage in STAGES if stage != "closed")
_SOME: Final = "SELECT ? AS name, count(*) AS number FROM (SELECT 1 FROM {of} LIMIT {most}) AS counted"
_ON_LIST: Final = _SOME.format(of="referral WHERE tenant = ? AND stage = ?", most=MOST_COUNTED)
# The tenant is written so that SQLite takes the index of those that are parked, not the tenant's patients.
_PARKED: Final = _SOME.format(
    of="patient WHERE parked_at IS NOT NULL AND tenant || '' = ?", most=MOST_COUNTED
)
_COUNTS: Final = Statement(" UNION ALL ".join([*(_ON_LIST for _ in _OPEN), _PARKED]))
_IDENTIFIED: Final = (
    "SELECT DISTINCT id FROM token WHERE tenant = ? AND type = 'Patient' AND name = 'identifier' AND code = ?"
)
# A patient's referrals are few; the limit has them found before the list they stand on.
_OF_PATIENTS: Final = "(SELECT * FROM referral WHERE tenant = ? AND patient IN ({marks}) LIMIT 1000) AS few"


_ALARMING: Final = """SELECT patient, body, due_at, task FROM referral WHERE stage = 'red-flag' AND tenant = ?
AND EXISTS (SELECT 1 FROM alarm WHERE alarm.tenant = referral.tenant AND alarm.task = referral.task)
ORDER BY due_at, task LIMIT ?"""


class Place(NamedTuple):
    """Where a page ended: when its last referral is due (microseconds), and its Task."""

    due: int
    task: str


class Asked(NamedTuple):
    """One list, and which of it: by target ("review" for none), region, owner ("" for nobody's), or overdue.

    `identifier` is a patient's, as "value" or "system|value".
    """

    stage: Stage
    target: str = ""
    region: str = ""
    owner: str | None = None
    overdue_at: datetime | None = None
    identifier: str = ""


class Page(NamedTuple):
    """What is shown, and where the next page begins (None: nothing follows)."""

    found: list[Waiting]
    end: Place | None


class Counts(NamedTuple):
    """How many stand on each list but the closed ones, and how many patients are set aside after failures.

    At most MOST_COUNTED of each.
    """

    stages: dict[Stage, int]
    parked: int


class Board(NamedTuple):
    """A page, with what is beside each: the counts, and up to MOST_FLAGS red flags unless they are the page.

    Those that nobody has acknowledged come first.
    """

    page: Page
    counts: Counts
    flags: list[Waiting]


class _Query(NamedTuple):
    """A text with a `?` for each of the values."""

    text: str
    values: Row


class Worklist:
    """The coordinators' view of one tenant's referrals."""

    def __init__(self, engine: Engine, tenant: Tenant) -> None:
        """Any engine with the schema of `store.tables`."""
        self._engine = engine
        self._tenant = tenant

    def counts(self) -> Counts:
        """What stands where."""
        with snapshot(self._engine) as connection:
            return self._counts(connection)

    def board(self, asked: Asked, size: int, after: Place | None = None) -> Board:
        """A page as `page` gives it, all of one moment."""
        with snapshot(self._engine) as connection:
            rows = self._rows(connection, asked, size, after)
            flags = [] if asked.stage == "red-flag" else self._flags(connection, MOST_FLAGS)
            shown = self._whole(connection, [*rows[:size], *flags])
            page = Page(shown[: len(rows[:size])], _end(rows, size))
            return Board(page, self._counts(connection), shown[len(page.found) :])

    def page(self, asked: Asked, size: int, after: Place | None = None) -> Page:
        """Up to `size` referrals of a list after a place: what is due first; of the closed, the last."""
        with snapshot(self._engine) as connection:
            rows = self._rows(connection, asked, size, after)
            return Page(self._whole(connection, rows[:size]), _end(rows, size))

    def _counts(self, connection: Connection) -> Counts:
        values = [value for stage in _OPEN for value in (stage, self._tenant, stage)]
        found = dict(_COUNTS.read(connection, (*values, "parked", self._tenant)))
        return Counts({stage: found[stage] for stage in _OPEN}, found["parked"])

    def flags(self, most: int) -> list[Waiting]:
        """Red flags, those that nobody has acknowledged first."""
        with snapshot(self._engine) as connection:
            return self._whole(connection, self._flags(connection, most))

    def _flags(self, connection: Connection, most: int) -> list[Any]:
        waiting = Statement(_ALARMING).read(connection, (self._tenant, most))
        known = {task for *_, task in waiting}
        rows = self._rows(connection, Asked("red-flag"), most, None)
        return [*waiting, *(row for row in rows if row[3] not in known)][:most]

    def _rows(self, connection: Connection, asked: Asked, size: int, after: Place | None) -> list[Any]:
        """One row more than the page has, if there is one."""
        source = _Query("referral", ())
        if asked.identifier:
            patients = self._identified(connection, asked.identifier)
            if not patients:
                return []
            marks = ", ".join("?" * len(patients))
            source = _Query(_OF_PATIENTS.format(marks=marks), (self._tenant, *patients))
        query = _page(self._tenant, asked, after, source, size + 1)
        return Statement(query.text).read(connection, query.values)

    def bearers(self, identifier: str) -> list[tuple[PatientId, bytes | None]]:
        """Who has this identifier, as Asked says it, with the Patient as JSON where it is."""
        with snapshot(self._engine) as connection:
            ids = self._having(connection, identifier)
            stored = [read(connection, self._tenant, "Patient", one, None) for one in ids]
        bodies = [one.body if one and not one.is_deleted else None for one in stored]
        return list(zip(ids, bodies, strict=True))

    def _identified(self, connection: Connection, identifier: str) -> list[PatientId]:
        """Who has it, and whoever is one person with them."""
        ids = self._having(connection, identifier)
        same = persons.members(connection, [(self._tenant, one) for one in ids])
        return list(dict.fromkeys([*ids, *(other for others in same.values() for other in others)]))

    def _having(self, connection: Connection, identifier: str) -> list[PatientId]:
        """The ids of the Patients that have it; a bar may part system and value, or be of either."""
        found: dict[PatientId, None] = {}
        bars = [place for place, mark in enumerate(identifier) if mark == "|"][:_MOST_BARS]
        for bar in (None, *bars):
            value = identifier if bar is None else identifier[bar + 1 :]
            text = f"{_IDENTIFIED} LIMIT {_MOST_NAMESAKES}"
            values = [self._tenant, short(value)]
            if bar is not None:
                text = f"{_IDENTIFIED} AND system = ? LIMIT {_MOST_NAMESAKES}"
                values.append(short(identifier[:bar]))
            found |= {PatientId(id): None for (id,) in Statement(text).read(connection, tuple(values))}
        return list(found)

    def _whole(self, connection: Connection, rows: Sequence[Any]) -> list[Waiting]:
        found = [(PatientId(patient), bodies.referral(body)) for patient, body, *_ in rows]
        return whole(connection, self._tenant, found)

    def of_patient(self, who: PatientId) -> list[Waiting]:
        """Every referral of a person."""
        return self._found(referral.c.patient.in_(self.whole(who)))

    def whole(self, who: PatientId) -> tuple[PatientId, ...]:
        """The patients who are one person with this one, the one that leads first."""
        with snapshot(self._engine) as connection:
            return persons.whole(connection, self._tenant, who)

    def one(self, task: str) -> Waiting | None:
        """The referral whose review this Task is."""
        return next(iter(self._found(referral.c.task == task)), None)

    def _found(self, condition: ColumnElement[bool]) -> list[Waiting]:
        own = select(referral.c.patient, referral.c.body).where(referral.c.tenant == self._tenant, condition)
        with snapshot(self._engine) as connection:
            return self._whole(connection, connection.execute(own.order_by(referral.c.task)).all())

    def episode(self, one: Waiting) -> Episode | None:
        """The episode that a referral is of."""
        owner, key = persons.placed(one.referral.episode, one.patient)
        own = (episode.c.tenant == self._tenant, episode.c.patient == owner, episode.c.key == key)
        with snapshot(self._engine) as connection:
            body = connection.scalar(select(episode.c.body).where(*own))
        return bodies.episode(body) if body else None

    def episodes(self, who: PatientId) -> list[Episode]:
        """Every episode of a person that is remembered, open or closed."""
        own = episode.c.patient.in_(self.whole(who))
        found = select(episode.c.body).where(episode.c.tenant == self._tenant, own)
        with snapshot(self._engine) as connection:
            return [bodies.episode(body) for body in connection.scalars(found.order_by(episode.c.key))]

    def identified(self, identifier: str) -> str | None:
        """The review of the proposal with this identifier of ours."""
        own = select(referral.c.task).where(
            referral.c.tenant == self._tenant, referral.c.identifier == identifier, IS_PROPOSAL
        )
        with snapshot(self._engine) as connection:
            return connection.scalar(own)


def _end(rows: Sequence[Any], size: int) -> Place | None:
    return Place(*rows[size - 1][2:]) if len(rows) > size else None


def _page(tenant: Tenant, asked: Asked, after: Place | None, source: _Query, size: int) -> _Query:
    """Rows of patient, body, due_at and task, in order.

    Every combination of target and region is walked in its own order, which an index has, and the first of
    all of them are taken. Nothing is passed by but what people have claimed, by whoever asks for the rest.
    """
    is_backwards = asked.stage == "closed"
    order = "due_at DESC, task DESC" if is_backwards else "due_at, task"
    conditions: list[str] = ["tenant = ?", "stage = ?"]
    values: list[object] = [tenant, asked.stage]
    if asked.overdue_at:
        conditions.append("due_at < ?")
        values.append(microseconds(asked.overdue_at))
    if after:
        conditions.append(f"(due_at, task) {'<' if is_backwards else '>'} (?, ?)")
        values += after
    texts: list[str] = []
    given: list[object] = []
    for cell in _cells(asked):
        equal = [f"{name} IS NULL" if value in _NONE else f"{name} = ?" for name, value in cell]
        texts.append(
            f"SELECT patient, body, due_at, task FROM {source.text}"  # noqa: S608 - our own names alone
            f" WHERE {' AND '.join([*conditions, *equal])} ORDER BY {order} LIMIT {size}"
        )
        given += [*source.values, *values, *(value for _, value in cell if value not in _NONE)]
    if len(texts) == 1:
        return _Query(texts[0], tuple(given))
    cells = " UNION ALL ".join(f"SELECT * FROM ({text}) AS cell" for text in texts)  # noqa: S608 - as above
    return _Query(f"{cells} ORDER BY {order} LIMIT {size}", tuple(given))


def _cells(asked: Asked) -> Iterator[list[tuple[str, str]]]:
    """What is asked of target, region and owner, once for each combination that is walked by itself."""
    owned = [] if asked.owner is None else [("owner", asked.owner)]
    given = [(name, value) for name, value in (("target", asked.target), ("region", asked.region)) if value]
    # what somebody has claimed, and what one patient has, is few
    if asked.owner or asked.identifier or not given:
        yield given + owned
        return
    targets = [asked.target] if asked.target else _TARGETS
    regions = [asked.region] if asked.region else (*REGIONS, _NO_REGION)
    for target, region in product(targets, regions):
        yield [("target", target), ("region", region), *owned]
