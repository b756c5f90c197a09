"""The service beside an OpenID provider that others wrote (npm oidc-provider), which has pages of its own."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from referral_service.cli.running import free_port
from referral_service.clinic.chart import build
from referral_service.wiring import build_assessor
from tests.api.people import EXHAUSTED
from tests.auth.forged import Pair, packed
from tests.auth.house import access_file, bearer, outside
from tests.foreign import node
from tests.kit.server import Running, running

Json = dict[str, Any]
SECRET = "of our own: 100% + &="
ACCOUNTS = {"nora": {"groups": ["coordinators"]}, "adam": {"groups": ["auditors"]}, "nick": {"groups": []}}
FEED = Pair("feed-1", "ES256")


@contextmanager
def beside_a_foreign_provider(folder: Path, proof: Literal["secret", "key"]) -> Iterator[Running]:
    """The service, which the provider knows by a secret or by a key; with one patient."""
    own = Pair("own-1", "ES384")
    port, its = free_port("127.0.0.1"), free_port("127.0.0.1")
    address = f"http://127.0.0.1:{port}"
    (folder / "own.secret").write_text(SECRET, encoding="utf-8")
    (folder / "own.jwk").write_text(json.dumps(private(own)))
    ours, theirs = PROOFS[proof]
    keys = {"jwks": own.jwks} if proof == "key" else {}
    said = {
        "issuers": {
            "feed": {
                "issuer": "https://feed.example",
                "jwks": FEED.jwks,
                "token_url": "https://feed.example/token",
            }
        },
        "people": {
            "issuer": f"http://127.0.0.1:{its}",
            "client_id": "referrals",
            "roles": {"claim": "groups", "map": {"coordinators": "coordinator", "auditors": "auditor"}},
            **ours,
        },
    }
    given = {
        "port": its,
        "clients": [registered("referrals", address, **theirs, **keys)],
        "accounts": ACCOUNTS,
    }
    chosen = {"auth": "smart", "public_url": address, "access": access_file(folder, said), "port": port}
    with provider(given), running(folder / "data", **chosen) as found:
        put(found, {"id": "amy", "given": EXHAUSTED})
        yield found


# What we say in the access file, and what the provider has registered.
PROOFS: dict[str, tuple[Json, Json]] = {
    "secret": ({"client_secret_file": "own.secret"}, {"client_secret": SECRET}),
    "key": (
        {"key_file": "own.jwk"},
        {"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES384"},
    ),
}


def registered(name: str, address: str, **more: Any) -> Json:
    """A client as the provider knows it."""
    return {
        "client_id": name,
        "redirect_uris": [f"{address}/auth/callback"],
        "post_logout_redirect_uris": [f"{address}/auth/signed-out"],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        **more,
    }


def provider(given: Json) -> subprocess.Popen[bytes]:
    """It, once it listens; it ends with its standard input."""
    assert node.NODE is not None
    script = node.HERE / "openid_provider.mjs"
    process = subprocess.Popen(
        [node.NODE, script, json.dumps(given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"listening\n"
    return process


def private(pair: Pair) -> Json:
    """The private JWK of an elliptic key."""
    value = pair.key.private_numbers().private_value  # type: ignore[union-attr]
    return {**pair.jwk, "d": packed(value.to_bytes((pair.key.key_size + 7) // 8, "big"))}


def put(served: Running, story: Json) -> None:
    """A patient with this story, judged."""
    headers = bearer(
        FEED.token(outside(iss="https://feed.example", aud=f"{served.address}/fhir"), typ="at+jwt")
    )
    today = served.service.clock.as_of().date()
    for resource in build(story, today):
        path = f"/{resource['resourceType']}/{resource['id']}"
        assert served.http.put(path, json=resource, headers=headers).is_success
    worker = build_assessor(served.service.settings, served.service.store)
    while worker.run_due():
        pass
