"""The access file: what is wrong in it stops the start, named by its place and without any value."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from referral_service.auth.access import AccessError, read
from referral_service.auth.tokens import OwnKeys
from referral_service.settings import Settings
from referral_service.wiring import build_authority, build_store
from tests.auth.forged import Pair
from tests.auth.house import PUBLIC, access_file

Json = dict[str, Any]
PAIR = Pair("one", "ES384")
GOOD: Json = {
    "kind": "access",
    "issuers": {
        "hospital": {
            "issuer": "https://login.example",
            "jwks": PAIR.jwks,
            "token_url": "https://login.example/token",
        }
    },
    "clients": {"ehr": {"tenant": "north", "jwks": PAIR.jwks, "scopes": "system/*.rs operator"}},
}


def changed(path: str, value: object) -> Json:
    """GOOD, with another value at that place; None takes it away."""
    said = copy.deepcopy(GOOD)
    *folders, name = path.split(".")
    place = said
    for folder in folders:
        place = place[folder]
    if value is None:
        del place[name]
    else:
        place[name] = value
    return said


def test_a_good_file_is_read(tmp_path: Path) -> None:
    access = read(access_file(tmp_path, GOOD))

    assert access.clients["ehr"].tenant == "north"
    assert access.issuers["hospital"].tenant == "default"


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("client", {}, "client"),
        ("kind", "sources", "kind"),
        ("clients.ehr.secret", "hidden", "clients.ehr.secret"),
        ("clients.ehr.scopes", None, "clients.ehr.scopes"),
        ("clients.ehr.scopes", "user/hidden.rs", "clients.ehr.scopes"),
        ("clients.ehr.scopes", "system/Condition.rs?code=hidden", "clients.ehr.scopes"),
        ("clients.ehr.tenant", "North Hidden", "clients.ehr.tenant"),
        ("clients.ehr.jwks", None, "clients.ehr"),
        ("clients.ehr.jwks_url", "https://hidden.example", "clients.ehr"),
        ("clients.a/hidden", GOOD["clients"]["ehr"], "clients.a/hidden"),
        ("clients.hospital.ehr", {}, "clients.hospital"),
        ("issuers.hospital.issuer", "hidden", "issuers.hospital.issuer"),
        ("issuers.hospital.algorithms", ["HS256"], "issuers.hospital.algorithms"),
        ("issuers.hospital.algorithms", ["none"], "issuers.hospital.algorithms"),
        ("issuers.hospital.algorithms", [], "issuers.hospital.algorithms"),
        ("issuers.hospital.token_url", "http://hidden.example/token", "issuers.hospital.token_url"),
        ("issuers.second", GOOD["issuers"]["hospital"], "file"),
    ],
)
def test_what_is_wrong_is_named_and_not_quoted(tmp_path: Path, path: str, value: object, place: str) -> None:
    said = changed(path, value) if path != "clients.hospital.ehr" else {"clients": {"hospital": {"ehr": 1}}}

    with pytest.raises(AccessError) as stop:
        read(access_file(tmp_path, said))

    assert f"access.yaml: {place}" in str(stop.value)
    assert "hidden" not in str(stop.value).replace(place, "")


def test_keys_come_over_a_safe_way(tmp_path: Path) -> None:
    said = changed("clients.ehr.jwks", None)
    for address, is_safe in {"http://ehr.example/jwks": False, "http://localhost/jwks": True}.items():
        said["clients"]["ehr"]["jwks_url"] = address
        path = access_file(tmp_path, said)
        if is_safe:
            read(path)
        else:
            with pytest.raises(AccessError, match="https"):
                read(path)


def test_somebody_must_give_tokens(tmp_path: Path) -> None:
    said = {"issuers": {"a": {"issuer": "https://a.example", "jwks": PAIR.jwks}}}

    with pytest.raises(AccessError, match="who else gives tokens"):
        read(access_file(tmp_path, said))


@pytest.mark.parametrize("text", ["a: [", "\x00", "- list", "text"])
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "access.yaml"
    path.write_text(text)

    with pytest.raises(AccessError):
        read(path)


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ("half of a fi", "not JSON"),
        ("{}", "not a JSON object with a list of keys"),
        (json.dumps({"keys": [{**PAIR.jwk, "d": "c2VjcmV0"}]}), "a private or secret key"),
        (None, "No such file"),
    ],
)
def test_a_clients_keys_are_there_at_the_start(tmp_path: Path, keys: str | None, why: str) -> None:
    if keys is not None:
        (tmp_path / "ehr.json").write_text(keys)
    said = changed("clients.ehr.jwks", None)
    said["clients"]["ehr"]["jwks_file"] = "ehr.json"

    with pytest.raises(AccessError, match=f"clients.ehr: .*{why}"):
        started(tmp_path, said)


def test_a_file_of_keys_is_found_from_the_access_file(tmp_path: Path) -> None:
    (tmp_path / "ehr.json").write_text(json.dumps(PAIR.jwks))
    said = changed("clients.ehr.jwks", None)
    said["clients"]["ehr"]["jwks_file"] = "ehr.json"

    started(tmp_path, said)


def test_nobody_else_speaks_for_this_service(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="this service itself"):
        started(tmp_path, changed("issuers.hospital.issuer", PUBLIC))


@pytest.mark.parametrize(
    "key",
    ["", "{}", '{"keys": []}', json.dumps(PAIR.jwks), json.dumps({"kty": "oct", "k": "AAAA"}), "[1]"],
)
def test_our_own_key_is_a_private_one(tmp_path: Path, key: str) -> None:
    (tmp_path / "own.json").write_text(key)

    with pytest.raises(AccessError, match=r"own\.json: not a private"):
        started(tmp_path, {**GOOD, "token_key_file": "own.json"})


def test_two_processes_that_start_at_once_have_one_key(tmp_path: Path) -> None:
    first, second = (OwnKeys(tmp_path / "key.json").public() for _ in range(2))

    assert first == second


def started(folder: Path, said: Json) -> None:
    path = access_file(folder, said)
    settings = Settings(auth="smart", public_url=PUBLIC, access=path, data_dir=folder / "data")
    store = build_store(settings)
    try:
        build_authority(settings, read(path), store)
    finally:
        store.close()


def test_the_pages_example_works(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    example = page.split("```yaml\nkind: access\n")[1].split("```")[0]
    for name in ("lab", "ehr"):
        (tmp_path / f"{name}.jwks.json").write_text(json.dumps(PAIR.jwks))

    started(tmp_path, {"kind": "access", **yaml.safe_load(example)})


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"access": None}, "AUTH: smart needs REFERRAL_ACCESS and REFERRAL_PUBLIC_URL"),
        ({"public_url": ""}, "AUTH: smart needs"),
        ({"public_url": "http://referrals.example"}, "PUBLIC_URL: tokens are sent there"),
        ({"public_url": "referrals.example"}, "say an address"),
        ({"public_url": "https://referrals.example/?a=b"}, "PUBLIC_URL: an address without a query"),
        ({"clock_shift": "+1d"}, "CLOCK_SHIFT: only with"),
        ({"access": "/nowhere/access.yaml"}, "there is no such file"),
    ],
)
def test_what_smart_needs_is_said(tmp_path: Path, changed: Json, why: str) -> None:
    good = {"auth": "smart", "public_url": PUBLIC, "access": access_file(tmp_path, GOOD)}
    assert Settings.model_validate({**good, "host": "0.0.0.0"}).auth == "smart"

    with pytest.raises(ValidationError, match=why):
        Settings.model_validate({**good, **changed})


@pytest.mark.parametrize(
    "more",
    [{"public_url": "http://127.0.0.1:8000/"}, {"public_url": "http://a.example", "allow_insecure": True}],
)
def test_without_tls_it_is_for_this_machine_or_said_loudly(tmp_path: Path, more: Json) -> None:
    chosen = {"auth": "smart", "access": access_file(tmp_path, GOOD), **more}

    assert Settings.model_validate(chosen).public_url == more["public_url"].rstrip("/")
