"""`status`: one screen that says first whether all is well, and what helps where it is not."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec
import typer

from referral_service import pathways
from referral_service.cli.console import lasting, moment, print_json, print_table
from referral_service.cli.operate import AsJson, opened
from referral_service.cli.start import starting
from referral_service.core.deadline import FIRST_RUNG, SENT_WITHIN
from referral_service.measures import Counts
from referral_service.settings import Settings
from referral_service.store import reports
from referral_service.store.reports import Duty, Held
from referral_service.wiring import build_clock, build_terminology

# Workers look each second, and who is due is decided on within seconds; an alert says the same.
_SWEPT_WITHIN = _DECIDED_WITHIN = timedelta(minutes=1)
# A source's outage of a few minutes mends itself.
_FETCHED_WITHIN = timedelta(minutes=15)
_SHOWN = 8  # workers: those that died stay for a day


class Finding(msgspec.Struct, frozen=True):
    """Something that an operator must act on, and what helps: a command, a runbook of docs/operations.md."""

    what: str
    help: str


class Worker(msgspec.Struct, frozen=True):
    """A worker process; one that has not looked for a minute is dead or hangs."""

    name: str
    since: datetime
    last_looked: datetime


class Open(msgspec.Struct, frozen=True):
    """How many referrals of a kind are open. A review has the target `review`."""

    status: str
    target: str
    urgency: str
    number: int


class Due(msgspec.Struct, frozen=True):
    """Who waits for an evaluation."""

    patients: int
    urgent: int
    oldest_seconds: float


class Standing(msgspec.Struct, frozen=True):
    """How many stand on one of the worklist's lists, and how many of them are overdue."""

    number: int
    overdue: int


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The screen. A duration is 0 where nothing waits."""

    is_well: bool
    findings: list[Finding]
    schema: str
    pathway: str
    drained_since: datetime | None
    workers: list[Worker]
    last_looked_seconds: float | None
    due: Due
    leases_held: int
    leases: tuple[Held, ...]
    parked: int
    errands_due: int
    errands_parked: int
    oldest_errand_seconds: float
    referrals: list[Open]
    oldest_red_flag_seconds: float
    oldest_unsent_seconds: dict[str, float]
    orders_stopped: int
    lists: dict[str, Standing]
    ledger_lines: int


def status(as_json: AsJson = False) -> None:
    """Say whether all is well; end with 1 if something needs an operator."""
    with opened() as (settings, store):
        clock = build_clock(settings)
        counts = store.counts()
        duty = reports.duty(store.engine, clock.now(), clock.as_of())
        with starting():
            pathway = pathways.load(settings.pathway or pathways.DEFAULT)
            is_read_otherwise = store.is_read_otherwise(build_terminology(settings).digest)
    found = _status(counts, duty, f"{pathway.id} {pathway.version}", is_read_otherwise)
    if as_json:
        print_json(found)
    else:
        _print(found, settings, clock.now())
    if not found.is_well:
        raise typer.Exit(1)


def _status(counts: Counts, duty: Duty, pathway: str, is_read_otherwise: bool) -> Status:
    found = list(_findings(counts, duty, is_read_otherwise))
    return Status(
        is_well=not found,
        findings=found,
        schema=duty.schema,
        pathway=pathway,
        drained_since=duty.drained_since,
        workers=[Worker(it.name, it.started_at, it.looked_at) for it in duty.workers],
        last_looked_seconds=counts.sweep_age_seconds,
        due=Due(counts.patients_due, counts.patients_due_urgent, counts.oldest_due_seconds),
        leases_held=sum(it.patients for it in duty.held),
        leases=duty.held,
        parked=counts.patients_parked,
        errands_due=counts.errands_due,
        errands_parked=counts.errands_parked,
        oldest_errand_seconds=counts.oldest_errand_seconds,
        referrals=[
            Open(status, target or "review", urgency, number)
            for (status, target, urgency), number in sorted(counts.referrals.items())
        ],
        oldest_red_flag_seconds=counts.oldest_red_flag_seconds,
        oldest_unsent_seconds=counts.oldest_unsent,
        orders_stopped=counts.orders_stopped,
        lists={stage: Standing(*numbers) for stage, numbers in counts.stages.items()},
        ledger_lines=duty.ledger_lines,
    )


def _findings(counts: Counts, duty: Duty, is_read_otherwise: bool) -> Iterator[Finding]:
    """What needs an operator, the gravest first."""
    if counts.oldest_red_flag_seconds > FIRST_RUNG.total_seconds():
        waits = lasting(counts.oldest_red_flag_seconds)
        yield Finding(
            f"a red flag has waited {waits} for somebody to acknowledge it",
            "the worklist shows which; docs/operations.md, RedFlagUnacknowledged",
        )
    if counts.sweep_age_seconds is None or counts.sweep_age_seconds > _SWEPT_WITHIN.total_seconds():
        age = counts.sweep_age_seconds
        yield Finding(
            "no worker runs" if age is None else f"no worker has looked for {lasting(age)}",
            "`referral-service worker` starts one; docs/operations.md, NoWorkerLooks",
        )
    if duty.drained_since:
        yield Finding(
            "operators let no worker claim anybody", "`referral-service drain --end` lets them again"
        )
    if is_read_otherwise:
        yield Finding(
            "what is stored was read by other codes than are set now",
            "`referral-service reread`; docs/operations.md, A site's own codes",
        )
    if counts.oldest_due_seconds > _DECIDED_WITHIN.total_seconds():
        waits = lasting(counts.oldest_due_seconds)
        yield Finding(
            f"a patient has waited {waits} for a decision", "docs/operations.md, PatientsWaitTooLong"
        )
    if number := counts.patients_parked:
        yield Finding(
            f"{number} patient{' is' if number == 1 else 's are'} parked",
            "`referral-service parked list`; docs/operations.md, PatientsParked",
        )
    yield from _of_orders(counts)
    yield from _of_errands(counts)
    if number := counts.subscriptions_failed:
        yield Finding(
            f"{number} subscriber{' is' if number == 1 else 's are'} not told of changes any more",
            "docs/operations.md, Subscribers",
        )


def _of_orders(counts: Counts) -> Iterator[Finding]:
    oldest = max(counts.oldest_unsent.values(), default=0.0)
    if oldest > SENT_WITHIN.total_seconds():
        yield Finding(
            f"an approved order has been unsent for {lasting(oldest)}", "docs/operations.md, OrderUnsent"
        )
    if number := counts.orders_stopped:
        yield Finding(
            f"{number} order{'' if number == 1 else 's'} cannot be sent before a person has looked",
            "the worklist, Failed to send; docs/operations.md, OrderStopped",
        )
    if number := counts.stages.get("acceptance", (0, 0))[1]:
        yield Finding(
            f"{number} sent order{' was' if number == 1 else 's were'} not accepted in time",
            "the worklist, Awaiting acceptance; docs/operations.md, FulfillerSilent",
        )


def _of_errands(counts: Counts) -> Iterator[Finding]:
    help = "`referral-service errands`; docs/operations.md, Errands"
    if number := counts.errands_parked:
        one = number == 1
        yield Finding(f"{number} thing{' was' if one else 's were'} not taken from another system", help)
    if counts.oldest_errand_seconds > _FETCHED_WITHIN.total_seconds():
        waits = lasting(counts.oldest_errand_seconds)
        yield Finding(f"something has waited {waits} to be fetched from another system", help)


def _print(found: Status, settings: Settings, now: datetime) -> None:
    print("\n".join(f"Not well: {it.what}: {it.help}." for it in found.findings) or "All is well.")
    print()
    zone = settings.timezone
    waits = f", the longest for {lasting(found.due.oldest_seconds)}" if found.due.patients else ""
    held = ", ".join(f"{it.patients} by {it.worker}" for it in found.leases)
    for name, said in (
        ("schema", found.schema),
        ("pathway", found.pathway),
        ("drained", f"since {moment(found.drained_since, zone)}" if found.drained_since else "no"),
        ("patients due", f"{found.due.patients}, of them urgent {found.due.urgent}{waits}"),
        ("leases held", f"{found.leases_held}{held and f': {held}'}"),
        ("patients parked", found.parked),
        (
            "errands",
            f"{found.errands_due} due{_for(found.oldest_errand_seconds)}; {found.errands_parked} parked",
        ),
        ("oldest red flag", _waiting(found.oldest_red_flag_seconds, "unacknowledged")),
        ("oldest order", _orders(found)),
        ("lists", _lists(found)),
        ("ledger", f"{found.ledger_lines} lines"),
    ):
        print(f"{name:<17}{said}")
    print()
    rows = [
        (it.name, moment(it.since, zone), f"{lasting((now - it.last_looked).total_seconds())} ago")
        for it in found.workers[:_SHOWN]
    ]
    print_table(("Worker", "Runs since", "Looked"), rows or [("none", None, None)])
    if len(found.workers) > _SHOWN:
        print(f"and {len(found.workers) - _SHOWN} that looked before them")
    print()
    kinds = [(it.status, it.target, it.urgency, it.number) for it in found.referrals]
    print_table(("Referral", "Target", "Urgency", "Open"), kinds or [("none", None, None, None)])


def _orders(found: Status) -> str:
    """Of each destination; "none" has those that no sender has taken up."""
    oldest = sorted(found.oldest_unsent_seconds.items())
    said = [f"{_waiting(seconds, 'unsent')} ({destination})" for destination, seconds in oldest if seconds]
    stopped = [f"{found.orders_stopped} stopped"] if found.orders_stopped else []
    return ", ".join((*said, *stopped)) or "none"


def _lists(found: Status) -> str:
    said = (
        f"{stage} {it.number}{f' ({it.overdue} overdue)' if it.overdue else ''}"
        for stage, it in found.lists.items()
        if it.number
    )
    return ", ".join(said) or "empty"


def _for(seconds: float) -> str:
    return f", the longest for {lasting(seconds)}" if seconds else ""


def _waiting(seconds: float, how: str) -> str:
    return f"{how} for {lasting(seconds)}" if seconds else "none"
