"""`fake-ehr`: an EHR on this machine that others can play with, with faults to order."""

import json
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import msgspec
import typer
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from referral_service.cli import CannotStart
from referral_service.cli.charts import Gone, Refused, files, read
from referral_service.cli.console import print_json
from referral_service.core.problem import Category, Problem
from referral_service.fake_ehr.server import FakeEhr, Faults, Manners, build_server, listen


def fake_ehr(  # noqa: PLR0913 - one for each option
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any port that is free.")] = 8090,
    fault: Annotated[
        list[str] | None, typer.Option(metavar="NAME=SHARE", help="Which faults, how often; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides which requests the faults befall.")] = 0,
    load: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Bundles, NDJSON(.gz) or folders; repeatable.")
    ] = None,
    fulfil: Annotated[bool, typer.Option("--fulfil", help="Take up Tasks, book and complete them.")] = False,
    fulfil_seconds: Annotated[float, typer.Option(min=0, help="Between two steps of a Task.")] = 5.0,
    client: Annotated[
        list[str] | None,
        typer.Option(metavar="ID=FILE", help="A client and its keys (JWKS): all need a token then."),
    ] = None,
    secret: Annotated[Path | None, typer.Option(metavar="FILE", help="Signs notifications.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say where it is as one object.")] = False,
) -> None:
    """Serve an EHR of its own, with faults if you want some, until Ctrl-C or SIGTERM."""
    manners = Manners(
        secret=secret.read_bytes().strip() if secret else b"",
        fulfil_seconds=fulfil_seconds if fulfil else None,
    )
    ehr = FakeEhr(faults=_faults(fault or ()), seed=seed, clients=_clients(client or ()), manners=manners)
    loaded = ehr.load(_charts(load or ()))
    # uvicorn answers what it has begun, then raises the signal again: this ends the process in order
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    with listen(host, port) as listening:
        server = build_server(ehr, listening)
        _tell(ehr, loaded, as_json)
        try:
            server.run([listening])
        finally:
            ehr.close()


def _faults(asked: Sequence[str]) -> Faults:
    """Reads NAME=SHARE, and NAME=VALUE for what is no share (a number, an array, or a word)."""
    try:
        return msgspec.convert({name: _value(text) for name, text in _pairs(asked, "--fault")}, Faults)
    except (msgspec.ValidationError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="--fault") from error


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.split(",")  # kinds of requests


def _clients(asked: Sequence[str]) -> dict[str, Any]:
    try:
        found = {name: json.loads(Path(file).read_bytes()) for name, file in _pairs(asked, "--client")}
        for keys in found.values():
            KeySet.import_key_set(keys)
        return found
    except (ValueError, TypeError, LookupError, JoseError) as error:
        raise CannotStart("a file of --client is no JSON Web Key Set") from error


def _pairs(asked: Sequence[str], option: str) -> Iterable[tuple[str, str]]:
    for one in asked:
        name, sign, value = one.partition("=")
        if not sign:
            raise typer.BadParameter(f"{one}: has no =", param_hint=option)
        yield name, value


def _charts(paths: Sequence[Path]) -> Iterable[dict[str, Any]]:
    for path in files(paths):
        yield from (one for one in read(path, _refuse) if not isinstance(one, Gone))


def _refuse(refused: Refused) -> None:
    raise CannotStart(f"{refused.where}: {Problem(Category.INCORRECT, *refused.issues)}")


def _tell(ehr: FakeEhr, loaded: int, as_json: bool) -> None:
    root = ehr.address.rpartition("/")[0]
    if as_json:
        print_json({"fhir": ehr.address, "faults": f"{root}/_faults", "report": f"{root}/_report"})
    else:
        print(f"A fake EHR is at {ehr.address} with {loaded} resources, until Ctrl-C.")
        print(f"Faults: POST {root}/_faults    Counts: GET {root}/_report")
    sys.stdout.flush()


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)
