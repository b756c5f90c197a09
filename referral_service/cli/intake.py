"""`import`: Bundles and NDJSON into the service's store, as if an EHR had posted each resource."""

from pathlib import Path
from typing import Annotated

import typer

from referral_service.cli import CannotStart
from referral_service.cli.charts import files
from referral_service.cli.console import print_json, print_table
from referral_service.cli.exported import exporter, take_exported
from referral_service.cli.operate import Of, operator
from referral_service.cli.progress import Shown
from referral_service.cli.start import check_migrated, open_store, starting
from referral_service.cli.taking import Intake, Into, Report
from referral_service.core.problem import Category, Problem
from referral_service.fhir.read import Reader
from referral_service.settings import Settings, load
from referral_service.store.store import SqlStore
from referral_service.wiring import build_clock, build_reader, build_terminology
from referral_service.workflow.ports import DEFAULT_TENANT, Tenant

_PASSING = (Category.BUSY, Category.UNAVAILABLE, Category.INTERRUPTED)
_ALWAYS = ("stored", "unchanged", "deleted", "not taken in")
_OF_SOURCES = ("older", "own")


def import_(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH...", help="Bundles, NDJSON(.gz) or folders.")
    ] = None,
    source: Annotated[
        str, typer.Option("--from", metavar="SOURCE", help="A bulk export of a source of REFERRAL_SOURCES.")
    ] = "",
    everything: Annotated[
        bool, typer.Option("--everything", help="With --from: all again, not only what has changed.")
    ] = False,
    tenant: Of = DEFAULT_TENANT,
    as_json: Annotated[bool, typer.Option("--json", help="The report as one object.")] = False,
) -> None:
    """Take in files of FHIR, or a source's bulk export; started again after any end it goes on from there."""
    settings = load()
    if bool(paths) == bool(source) or (everything and not source):
        raise typer.BadParameter("say either PATH... or --from SOURCE")
    found = list(dict.fromkeys(files(paths or [])))
    if missing := [path for path in found if not path.is_file()]:
        raise typer.BadParameter(f"there is no {missing[0]}", param_hint="PATH")
    exporting = exporter(settings, source, wants_everything=everything) if source else None
    with starting():
        terminology = build_terminology(settings)
    reader = build_reader(settings, terminology)
    if settings.database_url:
        check_migrated(settings)
    with open_store(settings) as store:
        if not settings.database_url:
            store.migrate()
        try:
            store.reads_by(terminology.digest)
            if exporting:
                report = take_exported(exporting, settings, store, reader)
            else:
                report = _take(found, settings, store, reader, Into(Tenant(tenant), operator()))
        except Problem as problem:
            again = " Start it again: it goes on where it stopped." if problem.category in _PASSING else ""
            raise CannotStart(f"{problem}{again}") from problem
    _tell(report, as_json)
    if report.is_bad:
        raise typer.Exit(1)


def _take(found: list[Path], settings: Settings, store: SqlStore, reader: Reader, into: Into) -> Report:
    report = Report()
    intake = Intake(store, build_clock(settings), reader, into)
    with Shown("importing", sum(path.stat().st_size for path in found)) as shown:
        for path in found:
            with shown.file(path.name, path.stat().st_size) as file:
                report.add(intake.take(path, file))
    intake.forget(found)
    return report


def _tell(report: Report, as_json: bool) -> None:
    """The table to stdout, refusals to stderr; or all of it as one object."""
    if as_json:
        print_json(
            {
                "types": dict(sorted(report.counts.items())),
                "refused": report.refused,
                "refusals": [
                    {"where": one.where, "expression": issue.expression, "why": issue.diagnostics}
                    for one in report.refusals
                    for issue in one.issues
                ],
                "messages": report.messages,
            }
        )
        return
    kinds = [*_ALWAYS, *(it for it in _OF_SOURCES if any(it in found for found in report.counts.values()))]
    lines = [[kind, *(found.get(what, 0) for what in kinds)] for kind, found in sorted(report.counts.items())]
    print_table(["type", *kinds], lines)
    for one in report.refusals:
        for issue in one.issues:
            typer.echo(f"refused: {one.where}: {issue.expression} {issue.diagnostics}", err=True)
    if report.refused:
        typer.echo(f"refused in all: {report.refused}", err=True)
    for severity, number in sorted(report.messages.items()):
        typer.echo(f"messages of the source about its export: {number} {severity}", err=True)
