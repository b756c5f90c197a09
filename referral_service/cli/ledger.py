"""`verify-ledger`: whether the ledger is still what was written, and what was sealed."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from joserfc.jwk import OKPKey
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from referral_service import seal
from referral_service.cli import CannotStart
from referral_service.cli.audit import Audited, Exported, audit, compare
from referral_service.cli.start import check_migrated, open_store
from referral_service.settings import Settings
from referral_service.settings import load as load_settings
from referral_service.store.store import SqlStore

_WIDE = 160
_Files = Annotated[
    list[Path] | None,
    typer.Option(exists=True, dir_okay=False, help="More signed heads, such as copies kept elsewhere."),
]
_Keys = Annotated[
    list[Path] | None,
    typer.Option(exists=True, dir_okay=False, help="A public key, a JWK (default: the data folder's)."),
]


def verify_ledger(
    heads: _Files = None,
    key: _Keys = None,
    as_json: Annotated[bool, typer.Option("--json", help="One object.")] = False,
) -> None:
    """Verify every line of the ledger, and that it has every head that was signed."""
    settings = load_settings()
    keys = _public_keys(key, settings)
    check_migrated(settings)
    own = settings.ledger_heads
    files = [Exported.of(it) for it in (own, *(heads or [])) if it.exists()]
    with open_store(settings) as store:
        found = _verified(store, files, keys)
    holds = all(it.broken_at is None for it in found) and not any(it.refused for it in files)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(_plain(found, files, holds), option=orjson.OPT_INDENT_2))
        sys.stdout.write("\n")
    else:
        _print(found)
    if not own.exists():
        typer.echo(f"no signed heads in {own}: there may be none yet", err=True)
    _say_refused(files)
    if not holds:
        raise typer.Exit(1)


def _public_keys(given: Sequence[Path] | None, settings: Settings) -> dict[str, OKPKey]:
    """By their thumbprints."""
    own = settings.ledger_public_key
    try:
        keys = [seal.read_key(file) for file in given or ([own] if own.exists() else [])]
    except seal.UnusableKey as error:
        if given:
            raise typer.BadParameter(str(error), param_hint="--key") from error
        raise CannotStart(str(error)) from error
    return {key.thumbprint(): key for key in keys}


def _verified(store: SqlStore, files: Sequence[Exported], keys: dict[str, OKPKey]) -> list[Audited]:
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        lines = progress.add_task("Recomputing", total=sum(head.seq for head in store.ledger_heads()))
        try:
            found = audit(store, lambda done: progress.advance(lines, done))
        except DBAPIError as error:  # its text may hold what stands in a line
            raise CannotStart(f"the ledger cannot be read: {type(error.orig).__name__}") from error
        for exported in files:
            seals = progress.track(exported.seals(keys), total=None, description="Comparing seals")
            compare(store, seals, found)
    return sorted(found.values(), key=lambda it: it.tenant)


def _plain(found: Sequence[Audited], files: Sequence[Exported], holds: bool) -> dict[str, Any]:
    return {
        "holds": holds,
        "ledgers": [
            {
                "tenant": it.tenant,
                "lines": it.lines,
                "last_seal": {"seq": it.last.seq, "at": it.last.at} if it.last else None,
                "broken_at": it.broken_at,
                "verdict": it.verdict,
            }
            for it in found
        ],
        "heads": [
            {
                "file": str(it.file),
                "refused": it.refused,
                "refusals": [{"line": line.line, "reason": line.reason} for line in it.refusals],
            }
            for it in files
        ],
    }


def _print(found: Sequence[Audited]) -> None:
    console = Console(markup=False, width=None if sys.stdout.isatty() else _WIDE)
    table = Table("Tenant", "Lines that hold", "Last seal", "Verdict")
    for it in found:
        last = f"line {it.last.seq}, {it.last.at.isoformat(timespec='seconds')}" if it.last else "none"
        table.add_row(it.tenant, str(it.lines), last, it.verdict)
    console.print(table)


def _say_refused(files: Sequence[Exported]) -> None:
    for exported in files:
        for line in exported.refusals:
            typer.echo(f"{exported.file}, line {line.line}: {line.reason}", err=True)
        if exported.refused > len(exported.refusals):
            typer.echo(f"{exported.file}: {exported.refused} such lines in all", err=True)
