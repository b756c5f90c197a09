"""Workers seal the ledger: signed heads in a file, whatever happens around them."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OKPKey
from structlog.testing import capture_logs

from referral_service import seal
from referral_service.cli.supervisor import worker_command
from referral_service.seal import Refused, Seal
from referral_service.settings import Settings
from referral_service.store.store import SqlStore
from referral_service.wiring import build_store
from referral_service.workflow.ports import Happening, Tenant
from tests.kit.clocks import MONDAY, HandClock
from tests.kit.processes import lines, place, running, until
from tests.kit.writes import TENANT
from workers.seals import Seals

pytestmark = pytest.mark.xdist_group("processes")

OTHER = Tenant("other")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return place(tmp_path / "data")


@pytest.fixture
def store(settings: Settings) -> Iterator[SqlStore]:
    store = build_store(settings)
    store.migrate()
    yield store
    store.close()


def happen(store: SqlStore, tenant: Tenant = TENANT) -> None:
    store.commit(tenant, [], [Happening("approved", "ServiceRequest/1", "Practitioner/x")])


def sealed(settings: Settings) -> list[Seal | Refused]:
    """What the file says to whoever has the public key."""
    file = settings.ledger_heads
    if not file.exists():
        return []
    key = seal.read_key(settings.ledger_public_key)
    return list(seal.read(file, file.stat().st_size, {key.thumbprint(): key}))


def heads(settings: Settings) -> list[tuple[str, int]]:
    """Whose lines were sealed, in order; fails where a line seals nothing."""
    found = sealed(settings)
    assert all(isinstance(it, Seal) for it in found), found
    return [(it.tenant, it.seq) for it in found if isinstance(it, Seal)]


def until_they_heed_signals(settings: Settings, count: int = 1) -> None:
    """Workers look for a broker, which there is none of here, once they are able to end in order."""
    until(lambda: lines(settings).count("Cannot connect") >= count, "all of the workers at work")


def test_a_worker_seals_at_its_start_and_at_its_end(settings: Settings, store: SqlStore) -> None:
    happen(store)
    with running(settings, worker_command()) as worker:
        until(lambda: heads(settings) == [(TENANT, 1)], "the first seal")
        happen(store)
        until_they_heed_signals(settings)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0, lines(settings)

    assert heads(settings) == [(TENANT, 1), (TENANT, 2)]
    assert store.missing_heads([it for it in sealed(settings) if isinstance(it, Seal)]) == []
    for file in (settings.ledger_heads, settings.ledger_key):
        assert file.stat().st_mode & 0o777 == 0o600
    assert "d" in orjson.loads(settings.ledger_key.read_bytes())
    assert "d" not in orjson.loads(settings.ledger_public_key.read_bytes())


def test_two_workers_on_one_folder_agree_on_one_key(settings: Settings, store: SqlStore) -> None:
    happen(store)
    with ExitStack() as living:
        workers = [living.enter_context(running(settings, worker_command())) for _ in range(2)]
        until(lambda: len(heads(settings)) == 2, "a seal of each")
        happen(store, OTHER)
        until_they_heed_signals(settings, 2)
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        assert [worker.wait(30) for worker in workers] == [0, 0], lines(settings)

    assert sorted(heads(settings)) == [(TENANT, 1)] * 2 + [(OTHER, 1)] * 2


def test_a_worker_that_cannot_seal_evaluates_all_the_same(settings: Settings, store: SqlStore) -> None:
    settings.ledger_heads.mkdir(parents=True)
    happen(store)
    with running(settings, worker_command()) as worker:
        until(lambda: store.counts().workers_active == 1, "a worker that looks")
        until(lambda: "cannot be sealed" in lines(settings), "that it says so")
        settings.ledger_heads.rmdir()
        until_they_heed_signals(settings)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0, lines(settings)

    assert lines(settings).count("cannot be sealed") == 1
    assert heads(settings) == [(TENANT, 1)]


def test_only_what_moved_is_sealed_and_not_too_often(settings: Settings, store: SqlStore) -> None:
    often = Seals(settings, store, HandClock(), every=0)
    seldom = Seals(settings, store, HandClock(), every=3600)
    often.export()
    assert sealed(settings) == []

    happen(store)
    for seals in (often, seldom, often):
        seals.export()
    assert heads(settings) == [(TENANT, 1)] * 2

    happen(store, OTHER)
    for seals in (seldom, often):
        seals.export()
    assert heads(settings)[2:] == [(OTHER, 1)]

    seldom.export(is_last=True)
    assert heads(settings)[3:] == [(OTHER, 1)]
    assert {it.at for it in sealed(settings) if isinstance(it, Seal)} == {MONDAY}


def test_a_failure_is_said_once_until_it_is_over(settings: Settings, store: SqlStore) -> None:
    seals = Seals(settings, store, HandClock(), every=0)
    happen(store)
    settings.ledger_key.parent.mkdir(parents=True, exist_ok=True)
    settings.ledger_key.write_text("{}")
    with capture_logs() as logs:
        for _ in range(3):
            seals.export()
        settings.ledger_key.unlink()
        for _ in range(3):
            seals.export()

    assert [line["log_level"] for line in logs] == ["error", "info"]
    assert heads(settings) == [(TENANT, 1)]


def test_many_who_need_a_key_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as askers:
        keys = list(askers.map(seal.own_key, [tmp_path / "new" / "key.json"] * 32))

    assert len({key.thumbprint() for key in keys}) == 1
    assert os.listdir(tmp_path / "new") == ["key.json"]


def test_a_key_of_ones_own_signs(tmp_path: Path, store: SqlStore) -> None:
    own = seal.own_key(tmp_path / "own.json")
    settings = place(tmp_path / "data", ledger_key_file=tmp_path / "own.json")
    happen(store)

    Seals(settings, store, HandClock()).export()

    assert heads(settings) == [(TENANT, 1)]
    assert seal.read_key(settings.ledger_public_key).thumbprint() == own.thumbprint()
    assert not (tmp_path / "data" / "ledger-key.json").exists()


def test_a_line_that_a_power_cut_left_unfinished_takes_no_other_along(tmp_path: Path) -> None:
    file, key = tmp_path / "heads", OKPKey.generate_key("Ed25519")
    one = Seal("default", 1, "aa", MONDAY)
    seal.append(file, key, [one])
    with file.open("ab") as torn:
        torn.write(b'{"jws": "eyJ')
    seal.append(file, key, [one, one])

    found = list(seal.read(file, file.stat().st_size, {key.thumbprint(): key}))
    assert found == [one, Refused(2, "it is no seal"), one, one]


def test_no_change_of_a_line_makes_another_seal(tmp_path: Path) -> None:
    file, key = tmp_path / "heads", OKPKey.generate_key("Ed25519")
    one = Seal("default", 120, "ab" * 32, MONDAY)
    seal.append(file, key, [one])
    line = file.read_bytes()

    @given(st.integers(0, len(line) - 1), st.binary(max_size=2), st.integers(0, 3))
    def change(place: int, new: bytes, gone: int) -> None:
        file.write_bytes(line[:place] + new + line[place + gone :])
        for found in seal.read(file, len(line) + 2, {key.thumbprint(): key}):
            assert isinstance(found, Refused) or found == one

    change()


def test_another_key_seals_nothing(tmp_path: Path) -> None:
    file, key, other = tmp_path / "heads", OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed25519")
    seal.append(file, other, [Seal("default", 1, "aa", MONDAY)])
    size = file.stat().st_size

    reasons = [
        [it.reason for it in seal.read(file, size, keys) if isinstance(it, Refused)]
        for keys in ({key.thumbprint(): key}, {other.thumbprint(): key}, {})
    ]

    unknown = "it is signed with a key that is not known here; say --key"
    assert reasons == [[unknown], ["its signature does not hold"], [unknown]]
