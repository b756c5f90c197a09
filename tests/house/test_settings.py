"""Settings stop the start when they are wrong, by name and without their value; and are safe by default."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from referral_service.settings import PREFIX, Settings, SettingsError, load
from tests.kit.processes import referral_service


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def load_with(monkeypatch: pytest.MonkeyPatch, **given: str) -> Settings:
    for name, value in given.items():
        monkeypatch.setenv(PREFIX + name, value)
    return load()


def test_nothing_set_is_the_embedded_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    settings = load()

    assert settings.database == f"sqlite:///{tmp_path / 'var' / 'referral.db'}"
    assert settings.is_embedded_broker
    assert settings.broker.startswith("redis+socket:///")
    assert settings.is_loopback


def test_an_empty_setting_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_with(monkeypatch, PORT="", BROKER_URL="", PATHWAY="").port == 8000


WRONG = {
    "PORT": ["abc", "0", "70000", "8000.5"],
    "DATABASE_URL": ["mysql://u:hidden@h/n", "hidden"],
    "BROKER_URL": ["kafka://hidden", "hidden"],
    "WORKERS": ["0", "-1", "many"],
    "PATHWAY": ["/hidden/nowhere.yaml"],
    "TERMINOLOGY_DIR": ["/hidden/nowhere"],
    "AUTH": ["on", "smart"],
    "ALLOW_INSECURE": ["perhaps"],
    "CLOCK_SHIFT": ["14", "soon", "14 days", "+1y", "1.5d", "999999999w", "+99999999w", "+3000000d"],
    "LADDER": ["hidden", "jsons://h.example/x;hidden"],
    "JOIN_BY": ["hidden", "urn:x hidden"],
    "SUBSCRIBERS": ["hidden", "https://partner.example ftp://hidden"],
    "EHR_URL": ["ehr.example"],
    "EHR_TOKEN_URL": ["ftp://ehr.example"],
    "EHR_KEY_FILE": ["/hidden/key.pem"],
    "LEDGER_KEY_FILE": ["/hidden/key.json"],
    "CANONICAL_BASE": ["spine", "https://"],
    "TIMEZONE": ["America", "Mars/Olympus", "../etc"],
    "LEASE_SECONDS": ["0", "x"],
    "MAX_BODY_MB": ["0"],
    "LOG_LEVEL": ["loud"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_malformed_setting_is_named_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(SettingsError) as stop:
        load_with(monkeypatch, **{name: value})

    assert str(stop.value).startswith(f"{PREFIX}{name}: ")
    assert "hidden" not in str(stop.value)


@pytest.mark.parametrize(
    ("name", "form"),
    [("JOIN_BY", "urn:oid:"), ("SUBSCRIBERS", "https://partner.example"), ("LADDER", "mailtos://")],
)
def test_what_form_is_expected_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, name: str, form: str
) -> None:
    with pytest.raises(SettingsError) as stop:
        load_with(monkeypatch, **{name: "foo"})

    assert form in str(stop.value)
    assert "pattern" not in str(stop.value)


def test_every_fault_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as stop:
        load_with(monkeypatch, PROT="8000", PORT="x", TIMEZONE="y")

    lines = str(stop.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        f"{PREFIX}PROT",
        f"{PREFIX}PORT",
        f"{PREFIX}TIMEZONE",
    ]
    assert f"is {PREFIX}PORT meant?" in lines[0]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("+14d", timedelta(days=14)),
        ("-3h", timedelta(hours=-3)),
        ("2w", timedelta(weeks=2)),
        ("0s", timedelta()),
        ("90m", timedelta(minutes=90)),
    ],
)
def test_time_can_be_shifted(monkeypatch: pytest.MonkeyPatch, said: str, meant: timedelta) -> None:
    assert load_with(monkeypatch, CLOCK_SHIFT=said).clock_shift == meant


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org"])
def test_without_authentication_only_this_machine_is_served(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    with pytest.raises(SettingsError, match="ALLOW_INSECURE=1"):
        load_with(monkeypatch, HOST=host)

    assert load_with(monkeypatch, HOST=host, ALLOW_INSECURE="1").host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_this_machine_has_several_names(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    assert load_with(monkeypatch, HOST=host).is_loopback


def test_a_shifted_clock_needs_authentication_off(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="CLOCK_SHIFT: only with"):
        load_with(monkeypatch, AUTH="smart", CLOCK_SHIFT="+1d")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_has_several_names(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    url = load_with(monkeypatch, DATABASE_URL=f"{scheme}://u:p@h/n").database
    assert url == "postgresql+psycopg://u:p@h/n"


def test_a_child_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    pathway = tmp_path / "own.yaml"
    pathway.touch()
    values = {"PORT": "8123", "CLOCK_SHIFT": "-36h", "PATHWAY": "own.yaml", "TIMEZONE": "Europe/Berlin"}
    settings = load_with(monkeypatch, HOST="::", ALLOW_INSECURE="yes", LOG_LEVEL="WARNING", **values)

    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir("/")
    child = load()

    assert child.model_dump(exclude={"data_dir", "pathway"}) == settings.model_dump(
        exclude={"data_dir", "pathway"}
    )
    assert (child.pathway, child.database, child.broker) == (
        pathway,
        f"sqlite:///{tmp_path / 'var' / 'referral.db'}",
        f"redis+socket://{tmp_path / 'var' / 'broker' / 'valkey.sock'}",
    )


def test_a_long_folder_has_its_socket_in_a_short_place(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30)

    sockets = {Settings(data_dir=folder / name).broker_socket for name in ("a", "b", "a")}

    assert len(sockets) == 2
    assert all(len(str(address)) <= 100 for address in sockets)


def test_a_command_with_a_wrong_setting_ends_with_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFERRAL_PORTS", "1")

    done = subprocess.run(referral_service("migrate"), capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "referral-service: REFERRAL_PORTS: no such setting; is REFERRAL_PORT meant?\n"
