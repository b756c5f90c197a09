"""What the access file says of people: what is wrong in it stops the start, and the page's example works."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from referral_service.auth.access import AccessError, read
from tests.auth.forged import Pair
from tests.auth.house import access_file

Json = dict[str, Any]
GOOD: Json = {
    "clients": {"ehr": {"jwks": Pair("one", "ES256").jwks, "scopes": "system/*.rs"}},
    "people": {
        "issuer": "https://login.example/staff",
        "client_id": "referrals",
        "client_secret_file": "own.secret",
        "roles": {"claim": "groups", "map": {"spine": "coordinator"}},
    },
    "ehrs": {
        "clinic": {
            "url": "https://ehr.example/fhir",
            "client_id": "referrals",
            "key_file": "own.jwk",
            "role": "clinician",
        }
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the files that GOOD names."""
    (tmp_path / "own.secret").write_text("secret")
    (tmp_path / "own.jwk").write_text("{}")
    return tmp_path


def changed(path: str, value: object) -> Json:
    """GOOD, with another value at that place; None takes it away."""
    said = copy.deepcopy(GOOD)
    *folders, name = path.split(".")
    place = said
    for one in folders:
        place = place.setdefault(one, {})
    place[name] = value
    if value is None:
        del place[name]
    return said


def test_a_good_file_is_read(folder: Path) -> None:
    access = read(access_file(folder, GOOD))

    assert access.people is not None
    assert access.people.client_secret_file == folder / "own.secret"
    assert (access.people.scopes, access.people.practitioner_claim) == ("openid", "sub")
    assert access.ehrs["clinic"].scopes == "launch openid fhirUser"
    assert [one.total_seconds() for one in (access.sessions.idle, access.sessions.most)] == [1800, 43200]


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("people.secret", "hidden", "people.secret"),
        ("people.issuer", "http://hidden.example", "people.issuer"),
        ("people.client_id", "", "people.client_id"),
        ("people.client_secret_file", None, "people"),
        ("people.client_secret_file", "hidden.secret", "people"),
        ("people.key_file", "own.jwk", "people"),
        ("people.scopes", "profile", "people.scopes"),
        ("people.algorithms", ["HS256"], "people.algorithms"),
        ("people.algorithms", ["none"], "people.algorithms"),
        ("people.roles", None, "people.roles"),
        ("people.roles.map", {}, "people.roles.map"),
        ("people.roles.map", {"spine": "hidden"}, "people.roles.map"),
        ("people.tenant", "Hidden Tenant", "people.tenant"),
        ("ehrs.clinic.role", None, "ehrs.clinic.role"),
        ("ehrs.clinic.url", "http://hidden.example/fhir", "ehrs.clinic.url"),
        ("ehrs.clinic.scopes", "openid fhirUser", "ehrs.clinic.scopes"),
        ("ehrs.Hidden Clinic", GOOD["ehrs"]["clinic"], "ehrs"),
        ("ehrs.second", {**GOOD["ehrs"]["clinic"], "url": "https://ehr.example/fhir/"}, "file"),
        ("sessions.idle", "PT24H", "sessions.idle"),
        ("sessions.idle", "PT1M", "sessions.idle"),
        ("sessions.most", "P7D", "sessions.most"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, path: str, value: object, place: str) -> None:
    with pytest.raises(AccessError) as stop:
        read(access_file(folder, changed(path, value)))

    assert f"access.yaml: {place}" in str(stop.value)


def test_the_pages_example_works(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    example = yaml.safe_load(page.split("### Signing in")[1].split("```yaml\n")[1].split("```")[0])
    (tmp_path / "provider.secret").write_text("secret")
    (tmp_path / "own.jwk").write_text(json.dumps({}))

    access = read(access_file(tmp_path, {**example, "clients": GOOD["clients"]}))

    assert access.people is not None and access.ehrs
