"""The command line: `referral-service COMMAND`. It ends with 0 on success, 1 on failure, 2 on wrong use."""

import sys

import typer

from referral_service.cli import assess, demo, service
from referral_service.cli.start import CannotStart
from referral_service.settings import SettingsError

app = typer.Typer(
    name="referral-service",
    help="Watches conservative spine care and drafts the referral once it is exhausted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they print the values of variables, which may be a patient's
)
app.command()(service.up)
app.command()(service.api)
app.command()(service.worker)
app.command()(service.migrate)
app.command()(demo.demo)
app.command()(assess.assess)


def main() -> None:
    """Runs one command; what stops its start is said in one line a fault."""
    try:
        app()
    except SettingsError as error:
        _say(str(error))
        sys.exit(2)
    except CannotStart as error:
        _say(str(error))
        sys.exit(1)


def _say(text: str) -> None:
    for line in text.splitlines():
        print(f"referral-service: {line}", file=sys.stderr)
