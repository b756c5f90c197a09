"""`import`: Bundles and NDJSON into the service's store, as if an EHR had posted each resource."""

from collections import Counter
from collections.abc import Iterable, Iterator
from getpass import getuser
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress

from referral_service.cli.charts import Gone, Refused, files, read
from referral_service.cli.console import print_json, print_table
from referral_service.cli.start import open_store, starting
from referral_service.core.problem import Issue, Problem
from referral_service.fhir.read import Reader
from referral_service.fhir.search.table import TAKEN_IN
from referral_service.settings import load
from referral_service.store.search import Search
from referral_service.store.store import SqlStore
from referral_service.wiring import build_terminology
from referral_service.workflow.ingest import Change, Ingest, deletion
from referral_service.workflow.ports import DEFAULT_TENANT, Write

_AT_ONCE: Final = 500
_SHOWN: Final = 100
# Both kinds of request are ours, and can be sent in by an EHR too.
_SHARED_TYPE: Final = "ServiceRequest"
_OURS = Issue("forbidden", "The service wrote this; only its operations change it.")


class Report:
    """What became of each resource: counts by type and by what happened, and the refusals, some of them."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        self.counts: dict[str, Counter[str]] = {}
        self.refused = 0
        self.refusals: list[Refused] = []

    def count(self, kind: str, what: str, number: int = 1) -> None:
        """`what`: stored, unchanged, deleted, or not taken in."""
        self.counts.setdefault(kind, Counter())[what] += number

    def refuse(self, one: Refused) -> None:
        """Counts all, keeps the first."""
        self.refused += 1
        if self.refused <= _SHOWN:
            self.refusals.append(one)


def import_(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Bundles, NDJSON(.gz) or folders.")],
    as_json: Annotated[bool, typer.Option("--json", help="The report as one object.")] = False,
) -> None:
    """Take in files of FHIR; what is there already stays, so that it can be started again after any end."""
    settings = load()
    found = files(paths)
    if missing := [path for path in found if not path.is_file()]:
        raise typer.BadParameter(f"there is no {missing[0]}", param_hint="PATH")
    report = Report()
    with starting():
        reader = Reader(build_terminology(settings), settings.canonical_base)
    with open_store(settings) as store:
        if not settings.database_url:
            store.migrate()
        Intake(store, reader, report).take(found)
    _tell(report, as_json)
    if report.refused:
        raise typer.Exit(1)


class Intake:
    """Reads files and stores what is valid in them, many resources a transaction."""

    def __init__(self, store: SqlStore, reader: Reader, report: Report) -> None:
        """`report` hears of everything."""
        self._store = store
        self._search = Search(store.engine)
        self._ingest = Ingest(store, reader)
        self._report = report
        self._actor = f"Operator/{getuser()}"

    def take(self, found: list[Path]) -> None:
        """Each file in order; a progress bar on a terminal."""
        console = Console(stderr=True)
        with Progress(console=console, disable=not console.is_terminal) as progress:
            bar = progress.add_task("Importing", total=len(found))
            for path in found:
                writes = self._writes(read(path, self._report.refuse))
                while batch := list(islice(writes, _AT_ONCE)):
                    self._keep(batch)
                progress.advance(bar)

    def _writes(self, found: Iterable[dict[str, Any] | Gone]) -> Iterator[Write]:
        for one in found:
            if isinstance(one, Gone):
                kind, _, identity = one.source.partition("/")
                if kind in TAKEN_IN and self._search.current(DEFAULT_TENANT, [(kind, identity)]):
                    yield deletion(kind, identity)
                continue
            kind = one["resourceType"]
            if kind not in TAKEN_IN:
                self._report.count(kind, "not taken in")
                continue
            try:
                yield from self._ingest.writes([Change(resource=one, path=kind)])
            except Problem as refusal:
                self._report.refuse(Refused(f"{kind}/{one['id']}", refusal.issues))

    def _keep(self, batch: list[Write]) -> None:
        """In one transaction; what the service wrote itself stays as it is."""
        requests = [write.id for write in batch if write.type == _SHARED_TYPE]
        ours = self._search.is_emitted(DEFAULT_TENANT, _SHARED_TYPE, requests) if requests else set()
        for write in batch:
            if write.type == _SHARED_TYPE and write.id in ours:
                self._report.refuse(Refused(f"{write.type}/{write.id}", (_OURS,)))
        allowed = [write for write in batch if not (write.type == _SHARED_TYPE and write.id in ours)]
        for stored in self._ingest.submit(DEFAULT_TENANT, allowed, self._actor).result():
            what = "deleted" if stored.is_deleted else "stored" if stored.is_new else "unchanged"
            self._report.count(stored.type, what)


def _tell(report: Report, as_json: bool) -> None:
    kinds = ("stored", "unchanged", "deleted", "not taken in")
    if as_json:
        print_json(
            {
                "types": {kind: dict(found) for kind, found in sorted(report.counts.items())},
                "refused": report.refused,
                "refusals": [
                    {"where": one.where, "expression": issue.expression, "why": issue.diagnostics}
                    for one in report.refusals
                    for issue in one.issues
                ],
            }
        )
        return
    lines = [[kind, *(found[what] for what in kinds)] for kind, found in sorted(report.counts.items())]
    print_table(["type", *kinds], lines)
    for one in report.refusals:
        for issue in one.issues:
            typer.echo(f"refused: {one.where}: {issue.expression} {issue.diagnostics}", err=True)
    if report.refused:
        typer.echo(f"refused in all: {report.refused}", err=True)
