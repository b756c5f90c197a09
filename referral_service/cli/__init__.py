"""The command line: `referral-service COMMAND`. It ends with 0 on success, 1 on failure, 2 on wrong use."""

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from keyword import iskeyword

import typer

from referral_service.settings import SettingsError

# Command, and the module of this folder whose function of that name it is.
COMMANDS = {
    "up": "service",
    "api": "service",
    "worker": "service",
    "migrate": "service",
    "demo": "demo",
    "assess": "assess",
    "import": "intake",
    "simulate": "simulate",
    "status": "status",
    "why": "why",
    "parked": "operate",
    "errands": "errands",
    "reconcile": "operate",
    "drain": "operate",
    "verify-ledger": "ledger",
    "erase": "erase",
    "retain": "erase",
    "join": "join",
    "reread": "reread",
    "sessions": "sessions",
    "fake-ehr": "fake_ehr",
    "client": "client",
}


class CannotStart(Exception):
    """The text says why, in one line or several, for the person who started it."""


def build_app(names: Iterable[str]) -> typer.Typer:
    """The command line with these commands of the table; importing their modules takes a while."""
    app = typer.Typer(
        name="referral-service",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,  # they print the values of variables, which may be a patient's
    )
    app.callback()(_describe)
    for name in names:
        module = import_module(f"referral_service.cli.{COMMANDS[name]}")
        command = getattr(module, name.replace("-", "_") + "_" * iskeyword(name))
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)  # a command with commands of its own
        else:
            app.command(name)(command)
    return app


def _describe() -> None:
    """Watches conservative spine care and drafts the referral once it is exhausted."""


def main() -> None:
    """Runs the command that is asked for; what stops its start is said in one line a fault."""
    os.umask(0o077)  # patients' data are in what is written, also where a folder was there before
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        build_app([asked] if asked in COMMANDS else COMMANDS)()
    except SettingsError as error:
        _say(str(error))
        sys.exit(2)
    except CannotStart as error:
        _say(str(error))
        sys.exit(1)
    except OSError as error:  # a folder that cannot be made, a disk that is full: the operator's to mend
        _say(f"{error.strerror or 'input or output failed'}: {error.filename or ''}".rstrip(": "))
        sys.exit(1)


def _say(text: str) -> None:
    for line in text.splitlines():
        print(f"referral-service: {line}", file=sys.stderr)
