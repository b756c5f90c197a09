"""A referral as the worklist shows it, with all that a row says which the referral itself does not hold.

Two statements for any number of referrals, each row found by its primary key.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from referral_service.core.timeline import Score
from referral_service.store import bodies, persons
from referral_service.store.bulk import Row, Statement
from referral_service.store.tables import instant
from referral_service.workflow.ports import Episode, PatientId, Referral, Tenant


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


class Waiting(NamedTuple):
    """One referral and the episode it is of; the Patient and the review Task as JSON, where they are.

    `sending` is None for what nobody has taken up; `scores` are those that the response rests on.
    """

    patient: PatientId
    referral: Referral
    episode: Episode | None = None
    person: bytes | None = None
    review: bytes | None = None
    sending: Sending | None = None
    scores: tuple[Score, ...] = ()


_AROUND: Final = """WITH asked (task, patient, owner, key, "order") AS (VALUES {asked})
SELECT asked.task, episode.body, person.body, review.body, message.state, message.destination,
message.attempts, message.due_at, message.category, message.sent_at FROM asked
LEFT JOIN episode ON episode.tenant = ? AND episode.patient = asked.owner AND episode.key = asked.key
LEFT JOIN resource AS person ON person.tenant = ? AND person.type = 'Patient'
AND person.id = asked.patient AND NOT person.is_deleted
LEFT JOIN resource AS review ON review.tenant = ? AND review.type = 'Task'
AND review.id = asked.task AND NOT review.is_deleted
LEFT JOIN message ON message.tenant = ? AND message.id = asked."order\""""
# The join is written as one that SQLite does not turn around: it would read every fact of the tenant.
_SCORES: Final = """WITH asked (patient, source) AS (VALUES {asked})
SELECT fact.patient, fact.source, fact.body FROM asked CROSS JOIN fact
WHERE fact.tenant = ? AND fact.patient = asked.patient AND fact.source = asked.source
AND fact.known_until IS NULL"""


def whole(
    connection: Connection, tenant: Tenant, found: Sequence[tuple[PatientId, Referral]]
) -> list[Waiting]:
    """Each of a tenant's referrals with what is around it, in their order."""
    asked: list[Row] = [
        (one.task, who, *persons.placed(one.episode, who), one.order if one.target else None)
        for who, one in found
    ]
    around = {row[0]: row for row in _read(connection, _AROUND, asked, (tenant,) * 4)}
    waiting = []
    for who, one in found:
        _, kept, person, review, *sending = around[one.task]
        episode = bodies.episode(kept) if kept else None
        waiting.append(Waiting(who, one, episode, person, review, _sending(sending)))
    scores = _scores(connection, tenant, waiting)
    return [one._replace(scores=scores.get(one.referral.task, ())) for one in waiting]


def _sending(row: Sequence[Any]) -> Sending | None:
    """As the database has it: instants are microseconds."""
    state, destination, attempts, due_at, category, sent_at = row
    if state is None:
        return None
    sent = None if sent_at is None else instant(sent_at)
    return Sending(state, destination, attempts, instant(due_at), category, sent)


def _scores(connection: Connection, tenant: Tenant, found: Sequence[Waiting]) -> dict[str, tuple[Score, ...]]:
    """The scores that each referral's response rests on, by Task."""
    sources: dict[Row, list[str]] = {}
    same = persons.members(connection, [(tenant, one.patient) for one in found])
    for one in found:
        criteria = one.episode.decision.criteria if one.episode else ()
        for reference in (
            it for criterion in criteria if criterion.id == "response" for it in criterion.evidence
        ):
            for patient in same.get((tenant, one.patient), (one.patient,)):
                row = (patient, reference.partition("/_history/")[0])
                sources.setdefault(row, []).append(one.referral.task)
    scores: dict[str, tuple[Score, ...]] = {}
    for patient, source, body in _read(connection, _SCORES, list(sources), (tenant,)):
        kept = bodies.fact(body)
        if isinstance(kept, Score):
            for task in sources[patient, source]:
                scores[task] = (*scores.get(task, ()), kept)
    return scores


def _read(connection: Connection, text: str, asked: Sequence[Row], values: Row) -> list[Any]:
    """What is found for each row that is asked; no rows are no statement."""
    if not asked:
        return []
    marks = ", ".join([f"({', '.join('?' * len(asked[0]))})"] * len(asked))
    given = tuple(value for row in asked for value in row)
    return Statement(text.format(asked=marks)).read(connection, (*given, *values))
