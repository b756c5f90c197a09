"""A referral as the worklist shows it, with all that a row says which the referral itself does not hold.

One statement for any number of referrals, each row found by its primary key.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from referral_service.core.brief import Brief
from referral_service.store import bodies, persons
from referral_service.store.bulk import Row, Statement
from referral_service.store.tables import instant
from referral_service.workflow.ports import PatientId, Referral, Tenant


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
    """One referral, its episode's decision in brief, the Patient and the review Task as JSON, where they are.

    `sending` is None for what nobody has taken up.
    """

    patient: PatientId
    referral: Referral
    brief: Brief | None = None
    person: bytes | None = None
    review: bytes | None = None
    sending: Sending | None = None


_AROUND: Final = """WITH asked (task, patient, owner, key, "order") AS (VALUES {asked})
SELECT asked.task, brief.body, person.body, review.body, message.state, message.destination,
message.attempts, message.due_at, message.category, message.sent_at FROM asked
LEFT JOIN brief ON brief.tenant = ? AND brief.patient = asked.owner AND brief.key = asked.key
LEFT JOIN resource AS person ON person.tenant = ? AND person.type = 'Patient'
AND person.id = asked.patient AND NOT person.is_deleted
LEFT JOIN resource AS review ON review.tenant = ? AND review.type = 'Task'
AND review.id = asked.task AND NOT review.is_deleted
LEFT JOIN message ON message.tenant = ? AND message.id = asked."order\""""


def whole(
    connection: Connection, tenant: Tenant, found: Sequence[tuple[PatientId, Referral]]
) -> list[Waiting]:
    """Each of a tenant's referrals with what is around it, in their order."""
    if not found:
        return []
    asked: list[Row] = [
        (one.task, who, *persons.placed(one.episode, who), one.order if one.target else None)
        for who, one in found
    ]
    marks = ", ".join(["(?, ?, ?, ?, ?)"] * len(asked))
    given = (*(value for row in asked for value in row), *[tenant] * 4)
    around = {row[0]: row for row in Statement(_AROUND.format(asked=marks)).read(connection, given)}
    waiting = []
    for who, one in found:
        _, kept, person, review, *sending = around[one.task]
        brief = bodies.brief(kept) if kept else None
        waiting.append(Waiting(who, one, brief, person, review, _sending(sending)))
    return waiting


def _sending(row: Sequence[Any]) -> Sending | None:
    """As the database has it: instants are microseconds."""
    state, destination, attempts, due_at, category, sent_at = row
    if state is None:
        return None
    sent = None if sent_at is None else instant(sent_at)
    return Sending(state, destination, attempts, instant(due_at), category, sent)
