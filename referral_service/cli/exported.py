"""`import --from`: a source's bulk export, from its kick-off to its end, whatever comes between.

What is reached is known at any moment: the export by its folder below DATA_DIR/exports, its files by their
marks, all of it by the source's mark, which says what to ask for next time.
"""

import fcntl
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import typer

from referral_service.cli import CannotStart
from referral_service.cli.charts import Refused, read
from referral_service.cli.progress import Shown
from referral_service.cli.taking import Intake, Into, Report
from referral_service.ehr.bulk import BulkExport, Fetched, kick_off
from referral_service.ehr.client import EhrClient
from referral_service.ehr.endpoint import Endpoint
from referral_service.fhir.read import Reader
from referral_service.fhir.search.dates import span
from referral_service.fhir.space import Space
from referral_service.settings import Settings
from referral_service.sources import Exporting, Server, SourcesError
from referral_service.sources import read as read_sources
from referral_service.store.loading import Loader, Mark, Snapshot
from referral_service.store.store import SqlStore
from referral_service.wiring import build_clock
from referral_service.workflow.admit import Feed
from referral_service.workflow.ports import Tenant

_SEVERITIES: Final = ("fatal", "error", "warning", "information")
_CALL_SECONDS: Final = 60.0


class Exporter(NamedTuple):
    """A source that can be asked for an export."""

    feed: Feed
    server: Server
    exporting: Exporting
    wants_everything: bool
    space: Space


class _Taken(msgspec.Struct):
    """The value of a source's mark: the instant that its last export shows, and where that was asked for."""

    at: str = ""
    status: str = ""


def exporter(settings: Settings, name: str, *, wants_everything: bool) -> Exporter:
    """The source of that name, asked for all or for what has changed; wrong use if it cannot be asked."""
    try:
        sources = read_sources(settings.sources)
        source = sources.sources.get(name)
    except SourcesError as error:
        raise CannotStart(str(error)) from error
    if source is None or source.fhir is None or source.export is None:
        raise typer.BadParameter("no source of that name has `fhir` and `export`", param_hint="--from")
    feed = Feed(Tenant(source.tenant), name)
    return Exporter(feed, source.fhir, source.export, wants_everything, sources.space(name))


def take_exported(of: Exporter, settings: Settings, store: SqlStore, reader: Reader) -> Report:
    """Goes on with the export under way, or begins one. Raises Problem, and OSError for the folder."""
    clock = build_clock(settings)
    loader = Loader(store.engine, clock)
    asked = kick_off(of.server.url, of.exporting.group, of.exporting.types, of.exporting.level == "system")
    name = f"export:{sha256(asked.encode()).hexdigest()[:16]}"
    exports = settings.data_dir.absolute() / "exports"
    with closing(EhrClient(_endpoint(of.server))) as client, _alone(exports, of.feed.source) as folder:
        export = BulkExport(client.calls, asked, folder, lambda text: _say(of, text))
        value = loader.mark(*of.feed, name)
        taken = msgspec.json.decode(value, type=_Taken) if value else _Taken()
        if of.wants_everything or (taken.status and taken.status == export.status):
            export.end()  # one that was taken in whole, and whose end was not reached
        fetched = export.fetch("" if of.wants_everything else taken.at)
        shown = span(fetched.at)
        assert shown, "an instant"
        snapshot = Snapshot(of.feed, shown.start)
        intake = Intake(store, clock, reader, Into(of.feed.tenant, of.feed.actor, snapshot, of.space))
        report = _take(intake, fetched)
        value = msgspec.json.encode(_Taken(fetched.at, fetched.status)).decode()
        intake.forget([*fetched.output, *fetched.deleted], Mark(of.feed.source, name, value))
        export.end()
    return report


def _take(intake: Intake, fetched: Fetched) -> Report:
    report = Report()
    files = [*((path, False) for path in fetched.output), *((path, True) for path in fetched.deleted)]
    with Shown("importing", sum(path.stat().st_size for path, _ in files)) as shown:
        for path, only_deletions in files:
            with shown.file(path.name, path.stat().st_size) as file:
                report.add(intake.take(path, file, only_deletions=only_deletions))
    report.messages = dict(_messages(fetched.error))
    return report


def _messages(paths: list[Path]) -> Counter[str]:
    """What the source says about its export, by severity; its words may be about patients and stay there."""
    found: Counter[str] = Counter()

    def refuse(one: Refused) -> None:
        found["unreadable"] += 1

    for path in paths:
        for outcome in read(path, refuse):
            issues = outcome.get("issue") if isinstance(outcome, dict) else None
            for issue in issues if isinstance(issues, list) else [None]:
                severity = issue.get("severity") if isinstance(issue, dict) else None
                found[severity if severity in _SEVERITIES else "unreadable"] += 1
    return found


def _endpoint(server: Server) -> Endpoint:
    return Endpoint(
        url=server.url,
        token_url=server.token_url or "",
        client_id=server.client_id,
        key_file=server.key_file,
        scope=server.scope,
        origins=server.origins,
        timeout_seconds=_CALL_SECONDS,
    )


@contextmanager
def _alone(exports: Path, source: str) -> Iterator[Path]:
    """The folder of a source's export, held by its lock, which ends with this process however that ends."""
    exports.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (exports / f"{source}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(f"another process is importing from {source}") from None
        yield exports / source


def _say(of: Exporter, text: str) -> None:
    typer.echo(f"{of.feed.source}: {text}", err=True)
