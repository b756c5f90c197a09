"""`errands`: what could not be fetched from other systems, or was refused, and another try for all of it."""

from datetime import datetime
from typing import Annotated

import msgspec
import typer

from referral_service.cli.console import moment, print_json, print_table
from referral_service.cli.operate import AsJson, opened
from referral_service.store.engine import reading, writing
from referral_service.store.errands import all_parked
from referral_service.store.errands import retry as try_again
from referral_service.wiring import build_clock


class Parked(msgspec.Struct, frozen=True):
    """One errand: from which source, what it is about, since when and for which kind of failure it rests."""

    source: str
    what: str
    since: datetime
    category: str
    attempts: int


def errands(
    retry: Annotated[bool, typer.Option("--retry", help="Make all of them due again.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what is parked of what other systems told us to fetch, and why; prints ids."""
    with opened() as (settings, store):
        if retry:
            with writing(store.engine) as connection:
                print(f"{try_again(connection, build_clock(settings).now())} due again")
            return
        with reading(store.engine) as connection:
            rows = all_parked(connection)
    found = [Parked(it.source, it.what, it.parked_at, it.category or "", it.attempts) for it in rows]
    if as_json:
        print_json(found)
    elif found:
        lines = [
            (it.source, it.what, moment(it.since, settings.timezone), it.category, it.attempts)
            for it in found
        ]
        print_table(("Source", "What", "Parked since", "Failure", "Attempts"), lines)
    else:
        print("Nothing is parked.")
