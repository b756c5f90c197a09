"""What operators do: try parked patients again, compare what must agree, let the workers stand still."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from getpass import getuser
from itertools import chain, groupby, islice
from operator import itemgetter
from time import sleep
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress
from sqlalchemy.exc import OperationalError

from referral_service.cli import CannotStart
from referral_service.cli.console import moment, print_json, print_table
from referral_service.cli.counting import at_the_ehr
from referral_service.cli.start import check_migrated, open_store
from referral_service.core.problem import Problem
from referral_service.settings import Settings, load
from referral_service.store import approved, differences, reports
from referral_service.store.store import SqlStore
from referral_service.wiring import build_clock
from referral_service.workflow.ports import DEFAULT_TENANT, PatientId, Tenant

_AT_ONCE = 500
_LOOK_EVERY_SECONDS = 0.5

AsJson = Annotated[bool, typer.Option("--json", help="The same as JSON.")]
Of = Annotated[str, typer.Option(metavar="TENANT", help="Whose patient it is.")]

parked = typer.Typer(no_args_is_help=True, help="Patients that were set aside after five failures.")


@contextmanager
def opened() -> Iterator[tuple[Settings, SqlStore]]:
    """The store that is set, with this version's schema; CannotStart where it cannot be used."""
    settings = load()
    check_migrated(settings)
    with open_store(settings) as store:
        try:
            yield settings, store
        except Problem as problem:
            if isinstance(problem.__cause__, OperationalError):
                raise problem.__cause__ from problem  # said in its own words: a disk is full
            raise CannotStart(str(problem)) from problem


def patient_id(asked: str) -> PatientId:
    """The id, of a patient who is named as `Patient/ID` or `ID`."""
    return PatientId(asked.removeprefix("Patient/"))


def operator() -> str:
    """Who runs this command, for the ledger."""
    try:
        return f"Operator/{getuser()}"
    except (KeyError, OSError):  # a container's user need not have a name
        return f"Operator/{os.getuid()}"


@parked.command("list")
def show_parked(as_json: AsJson = False) -> None:
    """Who is parked, since when, after which kind of failure."""
    with opened() as (settings, store):
        found = reports.parked(store.engine)
    if as_json:
        print_json(found)
    elif found:
        lines = [
            (
                one.tenant,
                f"Patient/{one.patient}",
                moment(one.since, settings.timezone),
                one.category,
                one.attempts,
            )
            for one in found
        ]
        print_table(("Tenant", "Patient", "Parked since", "Failure", "Attempts"), lines)
    else:
        print("Nobody is parked.")


@parked.command("retry")
def retry(
    patients: Annotated[
        list[str] | None, typer.Argument(metavar="PATIENT", help="`Patient/ID`, or the ID.")
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Everybody who is parked.")] = False,
    tenant: Of = DEFAULT_TENANT,
) -> None:
    """Make parked patients due again, with five attempts before them."""
    if bool(patients) == everybody:
        raise typer.BadParameter("name patients, or say --all", param_hint="PATIENT")
    actor = operator()
    with opened() as (_, store):
        if everybody:
            named = [(one.tenant, one.patient) for one in reports.parked(store.engine)]
        else:
            named = list(dict.fromkeys((Tenant(tenant), patient_id(one)) for one in patients or ()))
        again = set(_retried(store, named, actor))
    for one in named:
        print(f"Patient/{one[1]} {'is due again' if one in again else 'is not parked'}")
    if not named:
        print("Nobody is parked.")
    if len(again) < len(named):
        raise typer.Exit(1)


def _retried(
    store: SqlStore, named: list[tuple[Tenant, PatientId]], actor: str
) -> Iterator[tuple[Tenant, PatientId]]:
    """Those of them who were parked, of each tenant some at once."""
    for tenant, theirs in groupby(sorted(named), key=itemgetter(0)):
        while some := [patient for _, patient in islice(theirs, _AT_ONCE)]:
            yield from ((tenant, one) for one in store.retry(tenant, some, actor))


def reconcile(as_json: AsJson = False) -> None:
    """Compare what must agree in the database and at the EHR; changes nothing, ends with 1 if it differs."""
    console = Console(stderr=True)
    compared = differing = 0
    with opened() as (settings, store):
        as_of = build_clock(settings).as_of()
        bar = Progress(console=console, disable=not console.is_terminal, redirect_stdout=sys.stdout.isatty())
        with bar:
            total = _number(settings, store, as_of) if console.is_terminal else None
            task = bar.add_task("Comparing", total=total)
            both = chain(differences.compare(store.engine, as_of), at_the_ehr(settings, store))
            for rows, found in both:
                for one in found:
                    _tell(one, differing, as_json)
                    differing += 1
                compared += rows
                bar.advance(task, rows)
    if as_json:
        print("\n]" if differing else "[]")
    else:
        print(f"{differing or 'No'} difference{'' if differing == 1 else 's'} in {compared} rows.")
    if differing:
        raise typer.Exit(1)


def _number(settings: Settings, store: SqlStore, as_of: datetime) -> int:
    """How many rows and orders are to be looked at."""
    of_ehr = approved.number(store.engine) if settings.destination_kind == "fhir" else 0
    return differences.number_of_rows(store.engine, as_of) + of_ehr


def _tell(one: differences.Difference, before: int, as_json: bool) -> None:
    """At once, so that nothing is kept however many there are; as JSON one list in all."""
    if as_json:
        print(",\n" if before else "[\n", msgspec.json.encode(one).decode(), sep="", end="")
    else:
        print(f"{one.kind}: {one.subject}: {one.said}")


def drain(
    end: Annotated[bool, typer.Option("--end", help="Let workers claim patients again.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait for what is held.")] = False,
) -> None:
    """Let workers finish what they hold and claim nobody more, until `drain --end`; ingest goes on."""
    if end and no_wait:
        raise typer.BadParameter("--end waits for nothing", param_hint="--no-wait")
    actor = operator()
    with opened() as (settings, store):
        if end:
            print("Workers claim patients again." if store.resume(actor) else "Nothing was drained.")
            return
        print("Workers claim nobody from now on." if store.drain(actor) else "Workers claim nobody already.")
        held = _held(store, settings) if no_wait else _wait(store, settings)
    print(held or "Nobody is held. `referral-service drain --end` lets workers go on.")


def _wait(store: SqlStore, settings: Settings) -> str:
    """Until nobody is held; says meanwhile who is, whenever that changes."""
    told = ""
    while True:
        sleep(_LOOK_EVERY_SECONDS)  # also at first: a claim that has begun is seen once it has ended
        held = _held(store, settings)
        if not held:
            return held
        if held != told:
            print(held, flush=True)
        told = held


def _held(store: SqlStore, settings: Settings) -> str:
    clock = build_clock(settings)
    found = reports.held(store.engine, clock.now(), clock.as_of())
    told = (
        f"{it.worker} holds {it.patients} patient{'' if it.patients == 1 else 's'}"
        f" until {moment(it.until, settings.timezone)} at the latest"
        for it in found
    )
    return "\n".join(told)
