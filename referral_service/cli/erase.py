"""`erase` and `retain`: what is stored of a patient goes for good, and the ledger says by whom and why."""

import re
from datetime import timedelta
from math import ceil
from typing import Annotated

import msgspec
import typer

from referral_service.cli.console import moment, print_json, print_table
from referral_service.cli.operate import AsJson, Of, opened, operator, patient_id
from referral_service.core.problem import Problem
from referral_service.store.erase import Eraser, Old, Why
from referral_service.wiring import build_clock
from referral_service.workflow.ports import DEFAULT_TENANT, Tenant

_REASON = re.compile(r"[a-z][a-z0-9-]{0,39}")
_AGE = re.compile(r"([1-9]\d{0,4})([ywd])")
_DAYS = {"y": 365.25, "w": 7, "d": 1}

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Reason = Annotated[str, typer.Option(metavar="CODE", help="Kept in the ledger: a word, never a sentence.")]


class Kept(msgspec.Struct, frozen=True):
    """A patient who was not erased, and why not."""

    patient: str
    said: str


class Retained(msgspec.Struct):
    """Who is old enough, and what became of them."""

    found: list[Old]
    erased: int = 0
    kept: list[Kept] = []


def erase(
    patient: Annotated[str, typer.Argument(metavar="PATIENT", help="`Patient/ID`, or the ID alone.")],
    reason: Reason,
    tenant: Of = DEFAULT_TENANT,
    yes: Yes = False,
    force: Annotated[bool, typer.Option("--force", help="Also while an order is unfulfilled.")] = False,
) -> None:
    """Erase everything that is stored of a patient, for good; the ledger's lines, which hold ids, stay."""
    why = Why(actor=operator(), reason=_code(reason), is_forced=force)
    identity = patient_id(patient)
    with opened() as (settings, store):
        eraser = Eraser(store.engine, build_clock(settings), Tenant(tenant))
        if not yes:
            number = eraser.number(identity)
            typer.confirm(f"Erase Patient/{identity}, {_resources(number)}, for good?", abort=True, err=True)
        erased = eraser.erase(identity, why)
    print(f"Patient/{identity} is erased: {_resources(erased.resources)}, {erased.versions} past versions.")
    for one in erased.mentioned_in:
        print(f"{one} is not the patient's, and still refers to them.")


def retain(
    older_than: Annotated[str, typer.Option(metavar="AGE", help="`7y`, `26w` or `90d`.")],
    tenant: Of = DEFAULT_TENANT,
    reason: Reason = "retention",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say who.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Erase the patients of whom nothing has changed for so long, after saying who they are."""
    why, age = Why(actor=operator(), reason=_code(reason)), _age(older_than)
    if as_json and not (yes or dry_run):
        raise typer.BadParameter("--json cannot ask; say --yes or --dry-run", param_hint="--json")
    with opened() as (settings, store):
        clock = build_clock(settings)
        eraser = Eraser(store.engine, clock, Tenant(tenant))
        told = Retained(eraser.old(clock.now() - age))
        if not as_json:
            _tell(told.found, settings.timezone)
        if told.found and not dry_run:
            if not yes:
                typer.confirm("Erase them for good?", abort=True, err=True)
            _erase_all(eraser, why, told)
    if as_json:
        print_json(told)
    elif not dry_run:
        for one in told.kept:
            print(f"{one.patient} is kept: {one.said}")
        print(f"{told.erased} erased, {len(told.kept)} kept.")


def _erase_all(eraser: Eraser, why: Why, told: Retained) -> None:
    """One after another: whoever is due to be kept hinders nobody else."""
    for one in told.found:
        try:
            eraser.erase(one.patient, why)
            told.erased += 1
        except Problem as problem:
            told.kept.append(Kept(f"Patient/{one.patient}", str(problem)))


def _tell(found: list[Old], zone: str) -> None:
    if found:
        lines = [(f"Patient/{one.patient}", moment(one.changed_at, zone)) for one in found]
        print_table(("Patient", "Last change"), lines)
    else:
        print("Nobody is as old as that.")


def _resources(number: int) -> str:
    return f"{number} resource{'' if number == 1 else 's'}"


def _code(said: str) -> str:
    if not _REASON.fullmatch(said):
        raise typer.BadParameter("a word of a-z, 0-9 and -, such as patient-request", param_hint="--reason")
    return said


def _age(said: str) -> timedelta:
    found = _AGE.fullmatch(said)
    if not found:
        raise typer.BadParameter("a number of y, w or d, such as 7y", param_hint="--older-than")
    return timedelta(days=ceil(int(found[1]) * _DAYS[found[2]]))
