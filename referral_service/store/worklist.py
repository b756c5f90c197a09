"""What waits for a human: the open Tasks with their episodes; read-only."""

from typing import NamedTuple

from sqlalchemy import Engine, case, select, tuple_

from referral_service.store import bodies
from referral_service.store.engine import reading as snapshot
from referral_service.store.tables import TASK_IS_OPEN, episode, referral
from referral_service.workflow.ports import Episode, PatientId, Referral, Tenant

_URGENT_FIRST = case((referral.c.urgency == "urgent", 0), else_=1)


class Waiting(NamedTuple):
    """One open Task: the patient, what is proposed or to be reviewed, and the episode it belongs to."""

    patient: PatientId
    referral: Referral
    episode: Episode | None


def waiting(engine: Engine, tenant: Tenant, limit: int) -> list[Waiting]:
    """Up to `limit` open Tasks: urgent ones first, then what is due first."""
    open_tasks = (
        select(referral.c.patient, referral.c.body)
        .where(referral.c.tenant == tenant, TASK_IS_OPEN)
        .order_by(_URGENT_FIRST, referral.c.due_at.is_(None), referral.c.due_at, referral.c.task)
        .limit(limit)
    )
    with snapshot(engine) as connection:
        found = [(row.patient, bodies.referral(row.body)) for row in connection.execute(open_tasks)]
        keys = {(patient, one.episode) for patient, one in found}
        rows = connection.execute(
            select(episode.c.patient, episode.c.key, episode.c.body).where(
                episode.c.tenant == tenant, tuple_(episode.c.patient, episode.c.key).in_(keys)
            )
        )
        episodes = {(row.patient, row.key): bodies.episode(row.body) for row in rows}
    return [Waiting(patient, one, episodes.get((patient, one.episode))) for patient, one in found]
