"""`join`: reads anew which patients are one person, from every Patient that is stored."""

import typer

from referral_service.cli.operate import opened
from referral_service.cli.start import starting
from referral_service.fhir.parse import parse
from referral_service.store.rejoin import rejoin
from referral_service.wiring import build_clock, build_reader, build_terminology


def join() -> None:
    """Join and separate patients by what is set now; run it after REFERRAL_JOIN_BY was changed."""
    with opened() as (settings, store):
        with starting():
            reader = build_reader(settings, build_terminology(settings))
        read, changed = rejoin(store.engine, build_clock(settings), lambda body: reader.identity(parse(body)))
    typer.echo(f"{read} patients read; {changed} belong to another person than before.")
