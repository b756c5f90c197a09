"""Keys change while the service runs, and nobody can make it ask for them more often than once a minute."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from referral_service.auth.keys import FileKeys, GivenKeys, KeysError, WebKeys
from referral_service.core.problem import Category, Problem
from tests.auth.forged import Pair, packed
from tests.auth.house import Published, published
from tests.kit.clocks import HandClock

OLD, NEW = Pair("old", "ES384"), Pair("new", "RS384")


@pytest.fixture
def clock() -> HandClock:
    """Moved by hand."""
    return HandClock()


@pytest.fixture
def there() -> Iterator[Published]:
    """An address with the old key, to be kept for ten minutes."""
    with published(OLD.jwks) as found:
        yield found


def test_a_new_key_is_fetched_when_first_seen(there: Published, clock: HandClock) -> None:
    keys = WebKeys(there.url, clock)
    assert keys.find("old", "ES384") and there.asked == 1

    there.words = {"keys": [OLD.jwk, NEW.jwk]}
    assert keys.find("new", "RS384") is None, "within a minute"
    clock.pass_by(minutes=1)

    assert keys.find("new", "RS384") and keys.find("old", "ES384")
    assert there.asked == 2


def test_unknown_keys_make_one_request_a_minute(there: Published, clock: HandClock) -> None:
    keys = WebKeys(there.url, clock)

    for _ in range(5):
        with ThreadPoolExecutor(8) as crowd:
            found = list(crowd.map(lambda turn: keys.find(f"no-{turn}", "RS384"), range(40)))
        assert not any(found)
        clock.pass_by(seconds=59)
        assert keys.find("another", "RS384") is None
        clock.pass_by(seconds=1)

    assert there.asked == 5


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("max-age=120", 120), ("no-store, max-age=0", 60), ("max-age=99999", 3600), ("", 600)],
)
def test_keys_are_kept_as_their_owner_says_within_limits(
    there: Published, clock: HandClock, said: str, seconds: int
) -> None:
    there.headers = {"Cache-Control": said}
    keys = WebKeys(there.url, clock)
    keys.find("old", "ES384")
    there.words = NEW.jwks

    clock.pass_by(seconds=seconds)
    assert keys.find("old", "ES384")
    clock.pass_by(seconds=1)
    assert keys.find("old", "ES384") is None, "it was taken away"


def test_an_address_that_is_down_leaves_what_it_gave_for_an_hour(there: Published, clock: HandClock) -> None:
    keys = WebKeys(there.url, clock)
    keys.find("old", "ES384")
    there.status = 500

    clock.pass_by(minutes=50)
    assert keys.find("old", "ES384")
    clock.pass_by(minutes=20)
    with pytest.raises(Problem) as down:
        keys.find("old", "ES384")
    assert down.value.category is Category.UNAVAILABLE

    there.status = 200
    clock.pass_by(seconds=10)
    assert keys.find("old", "ES384")


@pytest.mark.parametrize(
    "words", [[], {}, {"keys": {}}, {"keys": ["x"]}, {"keys": [], "more": "x" * 300_000}], ids=range(5)
)
def test_what_is_no_set_of_keys_is_as_if_down(there: Published, clock: HandClock, words: object) -> None:
    there.words = words  # type: ignore[assignment]

    with pytest.raises(Problem):
        WebKeys(there.url, clock).find("old", "ES384")


def test_an_empty_set_takes_every_key_away(there: Published, clock: HandClock) -> None:
    there.words = {"keys": []}

    assert WebKeys(there.url, clock).find("old", "ES384") is None


def test_a_redirect_is_not_followed(there: Published, clock: HandClock) -> None:
    with published(NEW.jwks) as elsewhere:
        there.status, there.headers = 302, {"Location": elsewhere.url}
        with pytest.raises(Problem):
            WebKeys(there.url, clock).find("new", "RS384")
        assert elsewhere.asked == 0


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(OLD.jwks))
    keys = FileKeys(path)
    assert keys.find("old", "ES384")

    path.write_text(json.dumps(NEW.jwks))
    assert keys.find("new", "RS384") and not keys.find("old", "ES384")

    path.write_text("half of a fi")
    assert keys.find("new", "RS384"), "what was read before"
    os.unlink(path)
    assert keys.find("new", "RS384")


@pytest.mark.parametrize(
    ("kid", "algorithm", "is_found"),
    [
        ("old", "ES384", True),
        ("old", "ES256", False),
        ("old", "RS384", False),
        ("new", "RS256", True),
        ("new", "PS512", True),
        ("new", "ES384", False),
        ("new", "HS256", False),
        ("new", "none", False),
        (None, "ES384", True),
        (None, "ES512", False),
        ("other", "ES384", False),
    ],
)
def test_a_key_is_for_the_algorithms_of_its_kind(kid: str | None, algorithm: str, is_found: bool) -> None:
    keys = GivenKeys({"keys": [OLD.jwk, NEW.jwk]})

    assert (keys.find(kid, algorithm) is not None) == is_found


def test_two_keys_of_one_name_are_none() -> None:
    keys = GivenKeys({"keys": [OLD.jwk, Pair("old", "ES384").jwk]})

    assert keys.find("old", "ES384") is None
    assert keys.find(None, "ES384") is None


def test_a_key_may_be_for_one_algorithm_alone() -> None:
    keys = GivenKeys({"keys": [{**NEW.jwk, "alg": "RS384"}]})

    assert keys.find("new", "RS384") and not keys.find("new", "RS256")


@pytest.mark.parametrize(
    "words",
    [
        {"keys": []},
        {"keys": [Pair("weak", "RS256", bits=1024).jwk]},
        {"keys": [{**NEW.jwk, "use": "enc"}]},
        {"keys": [{**NEW.jwk, "key_ops": ["encrypt"]}]},
        {"keys": [{**OLD.jwk, "y": OLD.jwk["x"]}]},
        {"keys": [{**OLD.jwk, "crv": "P-256"}]},
        {"keys": [{**OLD.jwk, "d": packed(b"secret")}]},
        {"keys": [NEW.jwk, {"kty": "oct", "kid": "shared", "k": packed(b"secret")}]},
        {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": packed(bytes(32))}]},
        {"keys": [{"kty": "RSA", "n": 7, "e": "AQAB"}]},
        {"keys": [{"kty": "EC"}]},
        NEW.jwk,
        [],
        None,
    ],
    ids=range(14),
)
def test_what_cannot_verify_is_refused_when_it_is_given(words: object) -> None:
    with pytest.raises(KeysError):
        GivenKeys(words)
