"""What an operator says of a customer's authorisation server holds for its tokens."""

from collections.abc import Callable, Iterator
from pathlib import Path
from time import time
from typing import Any

import pytest

from referral_service.auth.access import Access
from referral_service.auth.authority import Authority
from referral_service.auth.principal import Principal
from referral_service.auth.signed import Untrusted
from referral_service.clock import SystemClock
from referral_service.store.engine import connect
from tests.auth.forged import Pair
from tests.auth.house import AUDIENCE, ISSUER, PUBLIC, outside
from tests.kit.clocks import HandClock

HOSPITAL = Pair("hospital-1", "ES256")
SECOND = Pair("second-1", "ES256")
Make = Callable[..., Authority]


@pytest.fixture
def believing(tmp_path: Path) -> Iterator[Make]:
    """An authority that believes the hospital, about which more is said."""
    engine = connect(f"sqlite:///{tmp_path / 'none.db'}")

    def make(clock: SystemClock | HandClock | None = None, **more: Any) -> Authority:
        hospital = {
            "issuer": ISSUER,
            "jwks": HOSPITAL.jwks,
            "token_url": "https://login.example/token",
            **more,
        }
        second = {"issuer": "https://second.example", "jwks": SECOND.jwks, "tenant": "south"}
        access = Access.model_validate({"issuers": {"hospital": hospital, "second": second}})
        return Authority(access, PUBLIC, tmp_path / "key.json", clock or SystemClock(), engine)

    yield make
    engine.dispose()


def asked(authority: Authority, **changed: Any) -> Principal:
    typ = changed.pop("typ", "at+jwt")
    return authority.bearer.verify(HOSPITAL.token(outside(**changed), typ=typ))


def test_its_tenant_is_the_tenant(believing: Make) -> None:
    assert asked(believing(tenant="north"), tenant="south").tenant == "north"
    assert asked(believing()).tenant == "default"


def test_two_servers_share_neither_keys_nor_clients(believing: Make) -> None:
    authority = believing(tenant="north")
    theirs = SECOND.token(outside(iss="https://second.example"), typ="at+jwt")

    assert asked(authority).actor == "Device/hospital.ehr"
    assert authority.bearer.verify(theirs).actor == "Device/second.ehr"
    assert authority.bearer.verify(theirs).tenant == "south"
    for pair, issuer in ((SECOND, ISSUER), (HOSPITAL, "https://second.example")):
        with pytest.raises(Untrusted):
            authority.bearer.verify(pair.token(outside(iss=issuer), typ="at+jwt"))


@pytest.mark.parametrize("client", ["https://ehr.example/client", "ehr north", "x" * 60, "ehr/../south"])
def test_a_client_of_any_name_is_one_device(believing: Make, client: str) -> None:
    authority = believing()

    actor = asked(authority, client_id=client).actor
    kind, _, identity = actor.partition("/")

    assert kind == "Device" and identity.startswith("hospital.") and len(identity) <= 64
    assert asked(authority, client_id=client, exp=int(time()) + 99).actor == actor
    assert asked(authority, client_id=f"{client}x").actor != actor


def test_only_its_named_clients_come_in(believing: Make) -> None:
    authority = believing(clients=("ehr",))

    assert asked(authority)
    with pytest.raises(Untrusted, match="client"):
        asked(authority, client_id="another")


def test_its_scopes_bring_no_more_than_is_said(believing: Make) -> None:
    authority = believing(scopes="system/*.rs system/Task.u")

    assert asked(authority, scope="system/*.cruds").scopes == ("system/*.rs", "system/Task.u")
    assert asked(authority, scope="openid system/Goal.d operator").scopes == ()


def test_only_its_audiences_count(believing: Make) -> None:
    authority = believing(audiences=("api://referrals",))

    assert asked(authority, aud="api://referrals")
    with pytest.raises(Untrusted, match="another service"):
        asked(authority, aud=AUDIENCE)


def test_only_its_algorithms_count(believing: Make) -> None:
    with pytest.raises(Untrusted, match="algorithm"):
        asked(believing(algorithms=("RS256",)))


@pytest.mark.parametrize(
    ("typ", "is_taken"), [("JWT", True), (None, True), ("at+jwt", True), ("id+jwt", False)]
)
def test_a_server_that_marks_no_tokens_can_be_believed_too(
    believing: Make, typ: str | None, is_taken: bool
) -> None:
    authority = believing(explicit_type=False)

    if is_taken:
        assert asked(authority, typ=typ)
    else:
        with pytest.raises(Untrusted):
            asked(authority, typ=typ)


def test_what_was_verified_is_remembered_for_a_minute_at_most(believing: Make) -> None:
    clock = HandClock()
    authority, now = believing(clock), clock.now().timestamp()
    short, long = (HOSPITAL.token(outside(iat=now, exp=now + seconds), typ="at+jwt") for seconds in (20, 600))
    for token in (short, long):
        assert authority.bearer.known(token) is None
        assert authority.bearer.verify(token) == authority.bearer.known(token)

    clock.pass_by(seconds=26)
    assert [authority.bearer.known(token) is None for token in (short, long)] == [True, False]
    clock.pass_by(seconds=35)
    assert authority.bearer.known(long) is None


def test_no_crowd_of_tokens_fills_the_memory(believing: Make) -> None:
    authority = believing()
    tokens = [HOSPITAL.token(outside(), typ="at+jwt") for _ in range(4097)]

    for token in tokens:
        authority.bearer.verify(token)

    assert authority.bearer.known(tokens[0]) is None
    assert all(authority.bearer.known(token) for token in tokens[1:])
