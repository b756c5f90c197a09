"""`sessions list` and `sessions end PERSON`: who is signed in, and nobody of that name any more."""

from typing import Annotated

import typer

from referral_service.auth.presence import present, sign_out
from referral_service.cli.console import moment, print_json, print_table
from referral_service.cli.operate import AsJson, opened, operator
from referral_service.wiring import build_clock
from referral_service.workflow.ports import Tenant

sessions = typer.Typer(no_args_is_help=True, help="People who are signed in.")


@sessions.command("list")
def show(as_json: AsJson = False) -> None:
    """Who is signed in, since when, as what; whose chart anybody came from is not said."""
    with opened() as (settings, store):
        found = present(store.engine, build_clock(settings))
    if as_json:
        print_json(found)
    elif found:
        headings = ("Tenant", "Person", "Roles", "Out of a chart", "Since", "Last seen", "Until")
        lines = [
            (
                one.tenant,
                one.person,
                " ".join(one.roles),
                "yes" if one.is_led else "no",
                *(moment(at, settings.timezone) for at in (one.begun_at, one.seen_at, one.until)),
            )
            for one in found
        ]
        print_table(headings, lines)
    else:
        print("Nobody is signed in.")


@sessions.command("end")
def end(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="As `list` has them, or the ID alone.")],
    tenant: Annotated[
        str | None, typer.Option(help="Whose; needed where two have somebody so called.")
    ] = None,
) -> None:
    """Sign a person out everywhere at once; take their account away at the provider first."""
    named = person if "/" in person else f"Practitioner/{person}"
    with opened() as (settings, store):
        clock = build_clock(settings)
        found = {one.tenant for one in present(store.engine, clock) if one.person == named}
        among = found if tenant is None else found & {tenant}
        if len(among) > 1:
            said = f"say whose: {', '.join(sorted(among))}"
            raise typer.BadParameter(said, param_hint="--tenant")
        ended = sum(sign_out(store.engine, clock, Tenant(one), named, operator()) for one in among)
    if not ended:
        print(f"{named} is not signed in.")
        raise typer.Exit(1)
    print(f"{named} is signed out: {ended} session{'' if ended == 1 else 's'}.")
