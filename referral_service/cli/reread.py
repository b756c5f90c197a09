"""`reread`: reads anew what every stored resource says, by the codes that are set now."""

from typing import Any

import typer
from rich.console import Console
from rich.progress import Progress

from referral_service.cli import CannotStart
from referral_service.cli.operate import opened, operator
from referral_service.cli.start import starting
from referral_service.core.timeline import AnyFact
from referral_service.fhir.parse import parse
from referral_service.store.reread import reread as reread_all
from referral_service.wiring import build_clock, build_reader, build_terminology


def reread() -> None:
    """Read stored resources anew; run it after codes were added or taken away, once the service has them."""
    console = Console(stderr=True)
    resources = changed = 0
    with opened() as (settings, store):
        with starting():
            terminology = build_terminology(settings)
        if not store.reads_latest_by(terminology.digest):
            raise CannotStart(
                "these are not the codes that the service reads by: start it with them first, and give this"
                " command the settings of the service, above all REFERRAL_TERMINOLOGY_DIR"
            )
        reader = build_reader(settings, terminology)

        def facts(body: bytes) -> tuple[AnyFact, ...]:
            resource: dict[str, Any] = parse(body)
            return reader.facts(resource)

        with Progress(console=console, disable=not console.is_terminal) as progress:
            bar = progress.add_task("Reading", total=None)
            for batch in reread_all(store.engine, build_clock(settings), facts, operator()):
                resources, changed = resources + batch.resources, changed + batch.changed
                progress.advance(bar, batch.resources)
        store.was_reread(terminology.digest)
    typer.echo(f"{resources} resources read; {changed} say something else than before.")
