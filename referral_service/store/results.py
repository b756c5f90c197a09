"""Saving what evaluations found: accepted only while the claim holds and nothing new has arrived."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace
from sqlalchemy import Connection, RowMapping

from referral_service.core.problem import Problem
from referral_service.core.stage import stage
from referral_service.store import alarms, bodies, persons, tally
from referral_service.store.bulk import Row, replacing
from referral_service.store.claims import LET_GO, change, lock
from referral_service.store.plan import Plan
from referral_service.store.steps import Steps, steps_of
from referral_service.store.tables import brief, episode, microseconds, referral
from referral_service.workflow.ports import Claim, PatientId, Referral, Result, Tenant

_EPISODE, _BRIEF = replacing(episode), replacing(brief)
_REFERRAL = replacing(referral)
_Rows = Mapping[tuple[Tenant, PatientId], RowMapping]


def save(connection: Connection, results: Sequence[Result], now: datetime) -> list[bool]:
    """Writes every result whose claim still stands; says which."""
    plan = Plan(connection, now)
    plan.look_up((it.claim.tenant, write.type, write.id) for it in results for write in it.writes)
    rows = lock(connection, [it.claim for it in results])
    verdicts = [
        _stands(it.claim, rows.get((it.claim.tenant, it.claim.patient))) and _applies(plan, it)
        for it in results
    ]
    accepted = [it for it, is_accepted in zip(results, verdicts, strict=True) if is_accepted]
    dropped = [it.claim for it, is_accepted in zip(results, verdicts, strict=True) if not is_accepted]
    plan.flush()
    _keep_episodes(connection, accepted)
    _keep_referrals(connection, accepted)
    _rest(connection, accepted)
    alarms.follow(connection, [(it.claim.tenant, one) for it in accepted for one in it.referrals], now)
    held = [
        one for one in dropped if (row := rows.get((one.tenant, one.patient))) and row["token"] == one.token
    ]
    change(connection, [(one.tenant, one.patient) for one in held], **LET_GO)
    _count(connection, accepted, rows, now)
    return verdicts


def _stands(claim: Claim, row: RowMapping | None) -> bool:
    return row is not None and row["token"] == claim.token and row["changes"] == claim.changes


def _applies(plan: Plan, result: Result) -> bool:
    try:
        plan.apply(result.claim.tenant, result.writes, result.happenings)
    except Problem:
        return False
    return True


def _keep_episodes(connection: Connection, results: Iterable[Result]) -> None:
    rows, in_brief = [], []
    for it in results:
        for one, said in zip(it.episodes, it.briefs, strict=True):
            owner, key = persons.placed(one.key, it.claim.patient)
            kept = bodies.encode(replace(one, key=key))
            rows.append((it.claim.tenant, owner, key, one.is_open, one.region, kept))
            in_brief.append((it.claim.tenant, owner, key, bodies.encode(said)))
    _EPISODE.run(connection, rows)
    _BRIEF.run(connection, in_brief)


def _keep_referrals(connection: Connection, results: Iterable[Result]) -> None:
    found = []
    for it in results:
        for one in it.referrals:
            owner = it.others.get(one.task, it.claim.patient)
            key = persons.framed(one.episode, it.claim.patient, owner)
            found.append((it.claim.tenant, owner, replace(one, episode=key)))
    keep(connection, found)


def keep(connection: Connection, found: Sequence[tuple[Tenant, PatientId, Referral]]) -> None:
    """Writes the rows of these referrals, new or known."""
    taken = steps_of(connection, [(tenant, one) for tenant, _, one in found])
    # what ends comes before what begins, for there is never more than one open
    for is_draft in (False, True):
        rows = [_referral(*one, taken) for one in found if (one[2].status == "draft") is is_draft]
        _REFERRAL.run(connection, rows)


def _referral(tenant: Tenant, patient: PatientId, one: Referral, taken: Mapping[str, Steps]) -> Row:
    *instants, declined_for = taken.get(one.task, Steps())
    return (
        tenant,
        one.task,
        patient,
        one.id,
        one.identifier,
        one.region,
        one.target,
        one.urgency,
        one.status,
        one.task_status,
        due(one),
        bodies.encode(one),
        one.fulfillment_status,
        stage(one),
        one.owner,
        *(microseconds(at) if at else None for at in instants),
        declined_for,
    )


def due(one: Referral) -> int:
    """What the worklist sorts by, never absent: one without a due time has waited since it was written."""
    at = one.due_at or one.authored_at
    return microseconds(at) if at else 0


def _count(connection: Connection, results: Iterable[Result], rows: _Rows, now: datetime) -> None:
    counted: Counter[tally.Counted] = Counter()
    for it in results:
        tenant, row = it.claim.tenant, rows[it.claim.tenant, it.claim.patient]
        for one in it.episodes:
            counted[tenant, "evaluations", f"{one.decision.outcome} {it.pathway}"] += 1
        if row["dirty_since"]:
            counted.update(tally.durations(tenant, "decision_seconds", [now - row["dirty_since"]]))
    tally.add(connection, counted)


def _rest(connection: Connection, results: Iterable[Result]) -> None:
    """Lets the evaluated patients go until something arrives or their time comes."""
    by_time: dict[tuple[datetime | None, datetime | None], list[Claim]] = {}
    for it in results:
        by_time.setdefault((it.wake_at, it.as_of), []).append(it.claim)
    for (wake_at, as_of), claims in by_time.items():
        change(
            connection,
            [(one.tenant, one.patient) for one in claims],
            place=None,
            dirty_since=None,
            trace=None,
            wake_at=wake_at,
            asked_at=as_of,
            attempts=0,
            **LET_GO,
        )
