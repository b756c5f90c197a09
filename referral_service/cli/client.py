"""`client`: the keys of a system that gets its tokens from us, and the access file that lets it in."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
import yaml
from joserfc.jwk import ECKey
from pydantic import ValidationError

from referral_service.auth.access import Access, AccessError, Registered
from referral_service.auth.access import read as read_access
from referral_service.auth.clients import ASSERTION_ALGORITHMS
from referral_service.auth.keys import FileKeys, KeysError
from referral_service.auth.signed import PublicKey
from referral_service.auth.tokens import OwnKeys, algorithm_of, private_keys
from referral_service.cli import CannotStart
from referral_service.seal import keep
from referral_service.sources import placed

_FILE: Final = "access.yaml"
_TOKEN_KEY: Final = "token-key.json"  # noqa: S105 - a file's name
_CURVE, _ALGORITHM = "P-384", "ES384"
_INDENTED: Final = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE

Json = dict[str, Any]


def client(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The client id: letters, digits, hyphens.")],
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where access.yaml and the keys are.")],
    scope: Annotated[
        str, typer.Option(help="The most that it may ask for; several are parted by spaces.")
    ] = "system/*.cruds",
    tenant: Annotated[str, typer.Option(help="Whose data it sends and sees.")] = "default",
) -> None:
    """Make a key pair for a client, and the access file if there is none; what is there stays as it is."""
    entry = {"tenant": tenant, "jwks_file": f"{name}.public.json", "scopes": scope}
    wanted = _checked(name, entry, folder)
    made = _make_keys(name, folder)
    first = {"kind": "access", "token_key_file": _TOKEN_KEY, "clients": {name: entry}}
    if _make(folder / _FILE, lambda: _yaml(first)):
        made.append(folder / _FILE)
    try:
        access = read_access(folder / _FILE)
        made += _make_token_key(access)
    except (AccessError, KeysError) as error:
        raise CannotStart(str(error)) from None
    _tell(name, entry, made, access.clients.get(name), wanted)


def _checked(name: str, entry: Json, folder: Path) -> Registered:
    """What the access file would say of it."""
    if not entry["scopes"].split():
        raise typer.BadParameter("say one at least", param_hint="--scope")
    try:
        return Access.model_validate({"clients": {name: placed(entry, folder)}}).clients[name]
    except ValidationError as error:
        place, said = error.errors()[0]["loc"][-1], error.errors()[0]["msg"].removeprefix("Value error, ")
        hint = {"tenant": "--tenant", "scopes": "--scope"}.get(str(place), "NAME")
        raise typer.BadParameter(said, param_hint=hint) from None


def _make_keys(name: str, folder: Path) -> list[Path]:
    """Which of both files were made; those that were there must belong together."""
    private, public = folder / f"{name}.private.json", folder / f"{name}.public.json"
    if public.exists() and not private.exists():
        raise CannotStart(f"{public.name} is there without {private.name}, and a new key would not fit it")
    made = [private] if _make(private, _new_key) else []
    try:
        key = private_keys(private)[0]
        algorithm = algorithm_of(key)
        if algorithm not in ASSERTION_ALGORITHMS:
            raise CannotStart(f"{private.name}: clients sign with {' or '.join(ASSERTION_ALGORITHMS)}")
        if _make(public, lambda: _public(key)):
            made.append(public)
        found = FileKeys(public).find(str(key.kid), algorithm)
    except KeysError as error:
        raise CannotStart(str(error)) from None
    if found is None or found.thumbprint() != key.thumbprint():
        raise CannotStart(f"{public.name} does not hold the public half of {private.name}")
    return made


def _make_token_key(access: Access) -> list[Path]:
    """The key that signs our tokens, where the access file names one that is not there yet."""
    file = access.token_key_file
    if file is None or file.exists():
        return []
    OwnKeys(file)
    return [file]


def _make(file: Path, content: Callable[[], bytes]) -> bool:
    if file.exists():
        return False
    keep(file, content(), replaces=False)
    return True


def _new_key() -> bytes:
    key = ECKey.generate_key(_CURVE, {"alg": _ALGORITHM, "use": "sig"}, auto_kid=True)
    return orjson.dumps(key.as_dict(private=True), option=_INDENTED)


def _public(key: PublicKey) -> bytes:
    words = key.as_dict(private=False, alg=algorithm_of(key), use="sig")
    return orjson.dumps({"keys": [words]}, option=_INDENTED)


def _yaml(words: Json) -> bytes:
    return yaml.safe_dump(words, sort_keys=False).encode()


def _tell(name: str, entry: Json, made: list[Path], there: Registered | None, wanted: Registered) -> None:
    for file in made:
        print(f"Made {file}")
    if not made:
        print("Nothing was changed.")
    if there is None:
        print(f"{_FILE} does not know {name} yet. Add this to its clients:")
        print("".join(f"  {line}\n" for line in _yaml({name: entry}).decode().splitlines()), end="")
    elif there != wanted:
        print(f"{_FILE} registers {name} otherwise than is asked here, and stays as it is.")
    else:
        print(f"{_FILE} registers {name}.")
