"""`why PATIENT`: why a patient stands where it stands. What it prints is patient data, on stdout alone."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Annotated

import msgspec
import typer

from referral_service.cli.console import moment, print_json, print_table
from referral_service.cli.operate import AsJson, Of, opened, patient_id
from referral_service.clock import local_day
from referral_service.core.explain import sentences
from referral_service.core.referral import Referral
from referral_service.core.stage import OPEN_TASK
from referral_service.fhir.parse import parse
from referral_service.store import reports
from referral_service.store.reports import Standing
from referral_service.wiring import build_clock
from referral_service.workflow.ports import DEFAULT_TENANT, Episode, PatientId, Stored, Tenant


class Told(msgspec.Struct, frozen=True):
    """One version of a decision. `pathway` is the canonical with its version."""

    version: int
    at: datetime
    outcome: str
    target: str | None
    reasons: list[str]
    pathway: str


class LeftOut(msgspec.Struct, frozen=True):
    """A fact that decided nothing, and why not."""

    fact: str
    reason: str


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """An episode, or (without region) what is decided of a patient without one; newest decision first."""

    episode: str
    region: str | None
    is_open: bool
    outcome: str
    target: str | None
    reasons: tuple[str, ...]
    explanation: list[str]
    wake_on: date | None
    facts_used: int
    left_out: list[LeftOut]
    guidance: str
    history: list[Told]


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """Where the patient stands in the queue."""

    is_due: bool
    due_since: datetime | None
    place: int | None
    places: int
    attempts: int
    leased_by: str | None
    leased_until: datetime | None
    parked_since: datetime | None
    parked_category: str | None
    wakes_on: date | None
    drained_since: datetime | None


class Part(msgspec.Struct, frozen=True):
    """One resource of a referral: proposal, review, order or fulfillment, and the status that it has."""

    part: str
    resource: str
    status: str | None


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """A referral, or (without target) a review, that is not over."""

    region: str | None
    target: str | None
    priority: str
    due_at: datetime | None
    owner: str | None
    acknowledged_by: str | None
    parts: list[Part]


class Why(msgspec.Struct, frozen=True):
    """Everything that is known of why. `facts` are the resources that facts are current of."""

    patient: str
    queue: Queue
    facts: int
    decisions: list[Decided]
    referrals: list[Proposed]


def why(
    patient: Annotated[str, typer.Argument(metavar="PATIENT", help="`Patient/ID`, or the ID alone.")],
    tenant: Of = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Say why a patient is due, waits or is parked, and what is decided and why."""
    identity = patient_id(patient)
    with opened() as (settings, store):
        clock = build_clock(settings)
        found = reports.standing(store.engine, Tenant(tenant), identity, clock.now(), clock.as_of())
    if found is None:
        typer.echo("why: nothing was ever received about such a patient", err=True)
        raise typer.Exit(1)
    told = _why(identity, found, settings.timezone)
    if as_json:
        print_json(told)
    else:
        _print(told, settings.timezone)


def _why(identity: PatientId, found: Standing, zone: str) -> Why:
    queue = Queue(
        is_due=found.due_since is not None,
        due_since=found.due_since,
        place=found.place,
        places=found.places,
        attempts=found.attempts,
        leased_by=found.leased_by,
        leased_until=found.leased_until,
        parked_since=found.parked_at,
        parked_category=found.parked_category,
        wakes_on=local_day(found.wake_at, zone) if found.wake_at else None,
        drained_since=found.drained_since,
    )
    decided = [
        _decided(it, found.history[it.guidance])
        for it in found.episodes
        if it.decision.reasons  # those that another episode has replaced have none
    ]
    return Why(
        f"Patient/{identity}",
        queue,
        found.facts,
        decided,
        [_proposed(it) for it in found.referrals if _is_open(it)],
    )


def _decided(episode: Episode, versions: Iterable[Stored]) -> Decided:
    decision = episode.decision
    return Decided(
        episode=episode.key,
        region=episode.region,
        is_open=episode.is_open,
        outcome=decision.outcome,
        target=decision.target,
        reasons=decision.reasons,
        explanation=sentences(decision),
        wake_on=decision.wake_on,
        facts_used=len(decision.evidence),
        left_out=[LeftOut(*pair) for pair in decision.left_out],
        guidance=f"GuidanceResponse/{episode.guidance}",
        history=[_told(it) for it in versions],
    )


def _told(stored: Stored) -> Told:
    body = parse(stored.body)
    said: dict[str, list[str]] = {}
    for parameter in body["contained"][0]["parameter"]:
        if "valueCode" in parameter:
            said.setdefault(parameter["name"], []).append(parameter["valueCode"])
    return Told(
        version=stored.version,
        at=stored.updated_at,
        outcome=said["outcome"][0],
        target=said.get("target", [None])[0],
        reasons=said.get("reason", []),
        pathway=body["moduleCanonical"],
    )


def _is_open(one: Referral) -> bool:
    """Somebody has still to do something about it."""
    return one.task_status in OPEN_TASK or one.order_status == "active"


def _proposed(one: Referral) -> Proposed:
    parts = (
        ("proposal", "ServiceRequest", one.id if one.target else None, one.status),
        ("review", "Task", one.task, one.task_status),
        ("order", "ServiceRequest", one.order, one.order_status),
        ("fulfillment", "Task", one.fulfillment, one.fulfillment_status),
    )
    return Proposed(
        region=one.region,
        target=one.target,
        priority=one.priority,
        due_at=one.due_at,
        owner=one.owner,
        acknowledged_by=one.acknowledged_by,
        parts=[Part(part, f"{type}/{id}", status) for part, type, id, status in parts if id],
    )


def _print(told: Why, zone: str) -> None:
    print(f"{told.patient}: facts of {told.facts} resources are known.")
    print("\n".join(_queue(told.queue, zone)))
    for one in told.decisions:
        state = "open" if one.is_open else "closed" if one.region else "no episode"
        print(f"\n{one.region or 'No region'}, {state} ({one.episode})")
        print("\n".join(f"  {sentence}" for sentence in one.explanation))
        why_not = Counter(it.reason for it in one.left_out).most_common()
        left_out = ", ".join(f"{number} {reason}" for reason, number in why_not)
        print(f"  Facts that it rests on: {one.facts_used}; left out: {left_out or 'none'}.")
        for it in one.left_out:
            print(f"    {it.fact}: {it.reason}")
        print(f"  {one.guidance}, its latest versions:")
        lines = [
            (
                it.version,
                moment(it.at, zone),
                it.outcome,
                it.target,
                ", ".join(it.reasons),
                it.pathway.rpartition("|")[2],
            )
            for it in one.history
        ]
        print_table(("Version", "At", "Outcome", "Target", "Reasons", "Pathway"), lines)
    if not told.decisions:
        print("\nNothing is decided yet.")
    print()
    rows = [
        (it.resource, it.part, it.status, one.target, one.priority, _due(one, zone), one.owner)
        for one in told.referrals
        for it in one.parts
    ]
    if rows:
        print_table(("Resource", "Is", "Status", "Target", "Priority", "Due", "With"), rows)
    else:
        print("No referral or review is open.")


def _due(one: Proposed, zone: str) -> str | None:
    return moment(one.due_at, zone) if one.due_at else None


def _queue(queue: Queue, zone: str) -> Iterator[str]:
    """Why something happens, or does not."""
    if queue.drained_since:
        yield f"Workers claim nobody since {moment(queue.drained_since, zone)}: `drain --end` lets them."
    if queue.parked_since:
        yield (
            f"Parked since {moment(queue.parked_since, zone)} after {queue.attempts} attempts"
            f" ({queue.parked_category}): `parked retry`, or new data, tries again."
        )
    elif queue.due_since:
        place = f", place {queue.place} of {queue.places}" if queue.place else ", its time has come"
        yield f"Due since {moment(queue.due_since, zone)}{place}; attempts begun: {queue.attempts}."
    else:
        yield "Not due: nothing has arrived since the last decision."
    if queue.leased_by and queue.leased_until:
        yield f"Held by {queue.leased_by} until {moment(queue.leased_until, zone)}."
    elif queue.leased_until:
        yield f"The next attempt comes after {moment(queue.leased_until, zone)}."
    if queue.wakes_on:
        yield f"Wakes on {queue.wakes_on}."
    elif not queue.due_since:
        yield "Time alone changes nothing."
