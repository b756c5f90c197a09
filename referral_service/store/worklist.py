"""The coordinators' lists: referrals by stage, what is due first coming first, page after page; read-only.

A page costs what it shows: its index is walked from where the last page ended. Counts stop at MOST_COUNTED.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, func, literal, select, tuple_

from referral_service.core.stage import STAGES, Stage
from referral_service.core.timeline import Score
from referral_service.store import bodies
from referral_service.store.engine import reading as snapshot
from referral_service.store.outside import message
from referral_service.store.tables import (
    IS_PARKED,
    IS_PROPOSAL,
    Instant,
    episode,
    fact,
    instant,
    microseconds,
    patient,
    referral,
    resource,
    token,
)
from referral_service.workflow.ports import Episode, PatientId, Referral, Tenant

MOST_COUNTED = 1000
_Found = Select[Any]


class Waiting(NamedTuple):
    """One referral: the patient's id and resource (JSON, if it has arrived), and the episode it is of."""

    patient: PatientId
    referral: Referral
    episode: Episode | None
    person: bytes | None = None


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


class Sending(NamedTuple):
    """An order on its way: how often it was tried, when the next try is due, why the last one failed.

    `state` is waiting, sent, stopped, done or cancelled; a category is that of `core.problem`, or doubled or
    different.
    """

    state: str
    destination: str
    attempts: int
    due_at: datetime
    category: str | None
    sent_at: datetime | None


class Page(NamedTuple):
    """What is shown, and where the next page begins (None: nothing follows)."""

    found: list[Waiting]
    end: Place | None


class Worklist:
    """The coordinators' view of one tenant's referrals."""

    def __init__(self, engine: Engine, tenant: Tenant) -> None:
        """Any engine with the schema of `store.tables`."""
        self._engine = engine
        self._tenant = tenant

    def counts(self) -> dict[Stage, int]:
        """How many stand on each list, at most MOST_COUNTED; without the closed ones."""
        with snapshot(self._engine) as connection:
            return {stage: self._count(connection, stage) for stage in STAGES if stage != "closed"}

    def parked(self) -> int:
        """How many patients are set aside after failures, so that what is listed of them may be old."""
        own = and_(IS_PARKED, patient.c.tenant == self._tenant)
        with snapshot(self._engine) as connection:
            return connection.scalar(select(func.count()).select_from(patient).where(own)) or 0

    def _count(self, connection: Connection, stage: Stage) -> int:
        some = select(referral.c.task).where(self._of(stage)).limit(MOST_COUNTED).subquery()
        return connection.scalar(select(func.count()).select_from(some)) or 0

    def _of(self, stage: Stage) -> ColumnElement[bool]:
        return and_(referral.c.tenant == self._tenant, referral.c.stage == stage)

    def page(self, asked: Asked, size: int, after: Place | None = None) -> Page:
        """Up to `size` referrals of a list after a place: what is due first; of the closed, the last."""
        found = self._after(self._filtered(asked), after, is_backwards=asked.stage == "closed")
        with snapshot(self._engine) as connection:
            rows = connection.execute(found.limit(size + 1)).all()
            last = rows[size - 1] if len(rows) > size else None
            end = Place(microseconds(last.due_at), last.task) if last else None
            return Page(self._whole(connection, rows[:size]), end)

    @staticmethod
    def _after(found: _Found, after: Place | None, *, is_backwards: bool) -> _Found:
        """What comes after a place, in order."""
        due, task = referral.c.due_at, referral.c.task
        if after:
            place, end = tuple_(due, task), tuple_(literal(instant(after.due), Instant), after.task)
            found = found.where(place < end if is_backwards else place > end)
        return found.order_by(due.desc(), task.desc()) if is_backwards else found.order_by(due, task)

    def _filtered(self, asked: Asked) -> _Found:
        found = select(referral.c.patient, referral.c.body, referral.c.due_at, referral.c.task)
        found = found.where(self._of(asked.stage))
        if asked.target:
            is_review = asked.target == "review"
            found = found.where(
                referral.c.target.is_(None) if is_review else referral.c.target == asked.target
            )
        if asked.region:
            found = found.where(referral.c.region == asked.region)
        if asked.owner is not None:
            found = found.where(
                referral.c.owner == asked.owner if asked.owner else referral.c.owner.is_(None)
            )
        if asked.overdue_at:
            found = found.where(referral.c.due_at < asked.overdue_at)
        if asked.identifier:
            found = found.where(referral.c.patient.in_(self._identified(asked.identifier)))
        return found

    def _identified(self, identifier: str) -> Select[tuple[str]]:
        """The ids of the Patients that have it."""
        system, bar, value = identifier.rpartition("|")
        ids = select(token.c.id).where(
            token.c.tenant == self._tenant,
            token.c.type == "Patient",
            token.c.name == "identifier",
            token.c.code == (value if bar else identifier),
        )
        return ids.where(token.c.system == system) if bar else ids

    def of_patient(self, who: PatientId) -> list[Waiting]:
        """Every referral of a patient."""
        found = select(referral.c.patient, referral.c.body, referral.c.due_at, referral.c.task).where(
            referral.c.tenant == self._tenant, referral.c.patient == who
        )
        with snapshot(self._engine) as connection:
            return self._whole(connection, connection.execute(found.order_by(referral.c.task)).all())

    def one(self, task: str) -> Waiting | None:
        """The referral whose review this Task is."""
        found = select(referral.c.patient, referral.c.body, referral.c.due_at, referral.c.task).where(
            referral.c.tenant == self._tenant, referral.c.task == task
        )
        with snapshot(self._engine) as connection:
            return next(iter(self._whole(connection, connection.execute(found).all())), None)

    def episodes(self, who: PatientId) -> list[Episode]:
        """Every episode of a patient that is remembered, open or closed."""
        found = select(episode.c.body).where(episode.c.tenant == self._tenant, episode.c.patient == who)
        with snapshot(self._engine) as connection:
            return [bodies.episode(body) for body in connection.scalars(found.order_by(episode.c.key))]

    def sendings(self, found: Sequence[Waiting]) -> dict[str, Sending]:
        """How the orders of these referrals go out, by Task; without those that nobody has taken up."""
        tasks = {one.referral.order: one.referral.task for one in found if one.referral.order}
        own = select(message).where(message.c.tenant == self._tenant, message.c.id.in_(tasks))
        with snapshot(self._engine) as connection:
            return {
                tasks[row.id]: Sending(
                    row.state, row.destination, row.attempts, row.due_at, row.category, row.sent_at
                )
                for row in connection.execute(own)
            }

    def reviews(self, found: Sequence[Waiting]) -> dict[str, bytes]:
        """The review Tasks of these referrals as they stand, as JSON."""
        own = select(resource.c.id, resource.c.body).where(
            resource.c.tenant == self._tenant,
            resource.c.type == "Task",
            resource.c.id.in_({one.referral.task for one in found}),
            resource.c.is_deleted.is_(False),
        )
        with snapshot(self._engine) as connection:
            return {row.id: row.body for row in connection.execute(own)}

    def identified(self, identifier: str) -> str | None:
        """The review of the proposal with this identifier of ours."""
        own = select(referral.c.task).where(
            referral.c.tenant == self._tenant, referral.c.identifier == identifier, IS_PROPOSAL
        )
        with snapshot(self._engine) as connection:
            return connection.scalar(own)

    def scores(self, found: Sequence[Waiting]) -> dict[str, list[Score]]:
        """The scores that each referral's response rests on, by Task."""
        sources = {
            (one.patient, reference.partition("/_history/")[0]): one.referral.task
            for one in found
            if one.episode
            for criterion in one.episode.decision.criteria
            if criterion.id == "response"
            for reference in criterion.evidence
        }
        current = select(fact.c.patient, fact.c.source, fact.c.body).where(
            fact.c.tenant == self._tenant,
            tuple_(fact.c.patient, fact.c.source).in_(sources),
            fact.c.known_until.is_(None),
        )
        scores: dict[str, list[Score]] = {}
        with snapshot(self._engine) as connection:
            for row in connection.execute(current):
                one = bodies.fact(row.body)
                if isinstance(one, Score):
                    scores.setdefault(sources[row.patient, row.source], []).append(one)
        return scores

    def _whole(self, connection: Connection, rows: Sequence[Any]) -> list[Waiting]:
        """Each row with the episode and the person that it is about."""
        found = [(PatientId(row.patient), bodies.referral(row.body)) for row in rows]
        of_episode = {(who, one.episode) for who, one in found}
        episodes = connection.execute(
            select(episode.c.patient, episode.c.key, episode.c.body).where(
                episode.c.tenant == self._tenant,
                tuple_(episode.c.patient, episode.c.key).in_(of_episode),
            )
        )
        people = connection.execute(
            select(resource.c.id, resource.c.body).where(
                resource.c.tenant == self._tenant,
                resource.c.type == "Patient",
                resource.c.id.in_({who for who, _ in found}),
                resource.c.is_deleted.is_(False),
            )
        )
        known = {(row.patient, row.key): bodies.episode(row.body) for row in episodes}
        names = {row.id: row.body for row in people}
        return [Waiting(who, one, known.get((who, one.episode)), names.get(who)) for who, one in found]
