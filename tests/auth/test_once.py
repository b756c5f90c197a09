"""One assertion, a hundred times at once, over two engines on one database as of two processes."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from referral_service.auth.access import Access
from referral_service.auth.authority import Authority
from referral_service.auth.signed import Untrusted
from referral_service.clock import SystemClock
from referral_service.store.engine import connect, migrate
from tests.auth.forged import Pair
from tests.auth.house import PUBLIC, TOKEN_URL, claims_of
from tests.kit.clocks import HandClock
from tests.kit.databases import postgresql

CLIENT = Pair("north-1", "ES384")
ACCESS = Access.model_validate(
    {"clients": {name: {"jwks": CLIENT.jwks, "scopes": "system/*.rs"} for name in ("north", "east")}}
)


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated file."""
    folder = tmp_path_factory.mktemp("once")
    yield migrated(f"sqlite:///{folder / 'referral.db'}")
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A migrated server of our own."""
    with postgresql() as address:
        yield migrated(address)


def migrated(address: str) -> str:
    engine = connect(address)
    migrate(engine)
    engine.dispose()
    return address


@pytest.fixture(params=["sqlite", "postgres"])
def open_one(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Authority]]:
    """Another authority on the same database, as another process would have."""
    address = request.getfixturevalue(request.param)
    engines = []

    def another(clock: SystemClock | HandClock | None = None) -> Authority:
        engines.append(connect(address))
        return Authority(ACCESS, PUBLIC, tmp_path / "key.json", clock or SystemClock(), engines[-1])

    yield another
    for engine in engines:
        engine.dispose()


def is_taken(authority: Authority, assertion: str) -> bool:
    try:
        return bool(authority.clients.authenticate(assertion).id)
    except Untrusted as error:
        assert "used before" in str(error)
        return False


def test_a_hundred_at_once_are_one(open_one: Callable[..., Authority]) -> None:
    processes = [open_one(), open_one()]
    assertion = CLIENT.token(claims_of("north"))

    with ThreadPoolExecutor(16) as crowd:
        taken = list(crowd.map(lambda turn: is_taken(processes[turn % 2], assertion), range(100)))

    assert taken.count(True) == 1


def test_an_id_counts_once_a_client(open_one: Callable[..., Authority]) -> None:
    first, second = open_one(), open_one()
    claims = {client: claims_of(client, jti="the very same") for client in ("north", "east")}

    assert is_taken(first, CLIENT.token(claims["north"]))
    assert not is_taken(second, CLIENT.token({**claims["north"], "exp": claims["north"]["exp"] + 9}))
    assert is_taken(second, CLIENT.token(claims["east"]))


def test_it_is_remembered_for_as_long_as_it_is_good(open_one: Callable[..., Authority]) -> None:
    clock = HandClock(datetime.fromisoformat("2026-06-01T08:00:00+00:00"))
    end = clock.now() + timedelta(minutes=5)
    authority = open_one(clock)
    assertion = CLIENT.token(claims_of("north", exp=end.timestamp(), aud=TOKEN_URL))
    assert is_taken(authority, assertion)

    for minute in range(5):
        clock.pass_by(minutes=1)
        is_taken(authority, CLIENT.token(claims_of("north", exp=clock.now().timestamp() + 9)))
        assert not is_taken(authority, assertion), minute
    clock.pass_by(seconds=6)
    with pytest.raises(Untrusted, match="expired"):
        authority.clients.authenticate(assertion)
