"""`assess`: judges files of FHIR offline, with the same decision that the service makes."""

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from referral_service.cli.charts import Gone, Refused, files, read
from referral_service.cli.histories import Histories
from referral_service.clock import local_day
from referral_service.core.decide import decide
from referral_service.core.decision import Criterion, Decision
from referral_service.core.explain import criterion_sentence, sentences
from referral_service.core.timeline import Timeline
from referral_service.fhir.concepts import TerminologyError
from referral_service.fhir.read import Reader, patient_of
from referral_service.fhir.search.table import TAKEN_IN
from referral_service.pathways import PathwayError
from referral_service.settings import Settings
from referral_service.settings import load as load_settings
from referral_service.wiring import build_clock, build_pathway, build_terminology

Judged = list[tuple[str, Decision]]
_WIDE = 240


def assess(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Bundles, NDJSON(.gz) or folders.")],
    as_of: Annotated[str | None, typer.Option(help="The day asked for (default: today).")] = None,
    known_at: Annotated[
        str | None, typer.Option(help="Only what was known by this instant (default: all that is known now).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list, one object a decision.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Every criterion in a sentence.")] = False,
) -> None:
    """Judge patients offline, no service running."""
    settings = load_settings()
    day = _day(as_of, settings)
    known = _instant(known_at)
    refused: list[Refused] = []
    try:
        decisions = _judge(paths, settings, day, known, refused)
    except (OSError, PathwayError, TerminologyError) as error:
        typer.echo(f"assess: {error}", err=True)
        raise typer.Exit(1) from error
    if as_json:
        sys.stdout.buffer.write(
            orjson.dumps([_plain(p, d) for p, d in decisions], option=orjson.OPT_INDENT_2)
        )
        sys.stdout.write("\n")
    else:
        _print(decisions, explain)
    for each in refused:
        for issue in each.issues:
            typer.echo(f"refused: {each.where}: {issue.expression} {issue.diagnostics}", err=True)
    if refused:
        typer.echo(f"refused in all: {len(refused)}", err=True)
        raise typer.Exit(1)


def _day(text: str | None, settings: Settings) -> date:
    if text is None:
        return local_day(build_clock(settings).as_of(), settings.timezone)
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter("not a date like 2026-06-01", param_hint="--as-of") from error


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        known = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            "not an instant like 2026-06-01T08:00:00Z", param_hint="--known-at"
        ) from error
    if known.tzinfo is None:
        raise typer.BadParameter("an instant needs its offset, such as Z", param_hint="--known-at")
    return known


def _judge(
    paths: list[Path], settings: Settings, day: date, known: datetime | None, refused: list[Refused]
) -> Judged:
    terminology = build_terminology(settings)
    pathway = build_pathway(settings, terminology)
    reader = Reader(terminology, settings.canonical_base)
    histories = Histories()
    console = Console(stderr=True)
    for path in track(files(paths), "Reading", console=console, disable=not console.is_terminal):
        for found in read(path, refused.append):
            if isinstance(found, Gone):
                histories.delete(found)
            elif found["resourceType"] in TAKEN_IN:
                histories.take(patient_of(found), reader.facts(found))
    people = track(histories.charts().items(), "Deciding", console=console, disable=not console.is_terminal)
    return [
        (patient, decision)
        for patient, facts in people
        for decision in decide(Timeline.of(facts, known), pathway, day)
    ]


def _plain(patient: str, decision: Decision) -> dict[str, Any]:
    """One decision as the contract's JSON; facts are named without their version."""
    return {
        "patient": patient,
        "region": decision.region,
        "outcome": decision.outcome,
        "target": decision.target,
        "reasons": decision.reasons,
        "class": decision.trial_class,
        "episode_start": decision.begun_on,
        "trial_start": decision.trial_start,
        "wake_on": decision.wake_on,
        "priority": decision.priority,
        "criteria": [_criterion(each) for each in decision.criteria],
        "missing": decision.missing,
        "needs": [{"what": what, "amount": amount} for what, amount in decision.needs],
        "earliest_on": decision.earliest_on,
        "notes": decision.notes,
        "left_out": [{"fact": _fact(fact), "reason": reason} for fact, reason in decision.left_out],
        "explanation": sentences(decision),
    }


def _criterion(criterion: Criterion) -> dict[str, Any]:
    return {
        "id": criterion.id,
        "status": criterion.status,
        "value": criterion.value,
        "unit": criterion.unit,
        "threshold": criterion.threshold,
        "source": criterion.source,
        "evidence": [_fact(each) for each in criterion.evidence],
    }


def _fact(evidence: str) -> str:
    return evidence.partition("/_history/")[0]


def _print(decisions: Judged, explain: bool) -> None:
    console = Console() if sys.stdout.isatty() else Console(width=_WIDE)
    table = Table("Patient", "Region", "Outcome", "Target", "Reasons", "Wakes")
    for patient, d in decisions:
        wake = d.wake_on.isoformat() if d.wake_on else ""
        table.add_row(patient, d.region or "–", d.outcome, d.target or "", ", ".join(d.reasons), wake)
    console.print(table)
    if explain:
        for patient, decision in decisions:
            console.print(f"\n{patient}, {decision.region or 'no region'}", style="bold", markup=False)
            for line in (*sentences(decision), *map(criterion_sentence, decision.criteria)):
                console.print(f"  {line}", markup=False)
