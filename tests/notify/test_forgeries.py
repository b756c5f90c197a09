"""Who is let in, and who is not: then nothing is stored."""

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256

import pytest

from referral_service.fhir.parse import dump
from tests.api.charts import new_id, patient
from tests.notify.partners import BEARER, SECRET, TOKEN, Json, Town, hub, plain

Signing = Callable[[bytes], dict[str, str]]
GENUINE: dict[str, tuple[str, Signing]] = {
    "WebSub": ("plain", hub),
    "WebSub, the older of two secrets": ("plain", lambda body: hub(body, "the other secret")),
    "WebSub with sha384": ("plain", lambda body: hub(body, method="sha384")),
    "WebSub with sha512": ("plain", lambda body: hub(body, method="sha512")),
    "WebSub in capitals": (
        "plain",
        lambda body: {"X-Hub-Signature": hub(body)["X-Hub-Signature"].upper().replace("SHA", "sha")},
    ),
    "hex": ("plain", plain),
    "base64": ("plain", lambda body: plain(body, base64=True)),
    "both": ("plain", lambda body: {**hub(body), **plain(body)}),
    "token": ("hooked", lambda body: BEARER),
    "token, the scheme in small letters": ("hooked", lambda body: {"authorization": f"bearer  {TOKEN}"}),
}
FORGED: dict[str, tuple[str, Signing]] = {
    "nothing": ("plain", lambda body: {}),
    "an empty signature": ("plain", lambda body: {"X-Hub-Signature": ""}),
    "a method alone": ("plain", lambda body: {"X-Hub-Signature": "sha256="}),
    "another secret": ("plain", lambda body: hub(body, "guessed")),
    "no secret": ("plain", lambda body: hub(body, "")),
    "another body": ("plain", lambda body: hub(body + b" ")),
    "a plain digest": ("plain", lambda body: {"X-Hub-Signature": f"sha256={sha256(body).hexdigest()}"}),
    "sha1": ("plain", lambda body: hub(body, method="sha1")),
    "sha1 beside a right one": ("plain", lambda body: {**hub(body, method="sha1"), **plain(body)}),
    "md5": ("plain", lambda body: hub(body, method="md5")),
    "an unknown method": ("plain", lambda body: {"X-Hub-Signature": "none=00"}),
    "no hex": ("plain", lambda body: {"X-Hub-Signature": "sha256=zz"}),
    "half of it": ("plain", lambda body: {"X-Hub-Signature": hub(body)["X-Hub-Signature"][:39]}),
    "one of two is wrong": ("plain", lambda body: {**hub(body), **plain(body, "guessed")}),
    "base64 of the hex": (
        "plain",
        lambda body: {"X-Signature": b64encode(plain(body)["X-Signature"].encode()).decode()},
    ),
    "the token of another": ("plain", lambda body: BEARER),
    "a wrong token": ("hooked", lambda body: {"Authorization": "Bearer guessed"}),
    "no token": ("hooked", lambda body: {"Authorization": "Bearer"}),
    "an empty token": ("hooked", lambda body: {"Authorization": 'Bearer ""'}),
    "half a token": ("hooked", lambda body: {"Authorization": f"Bearer {TOKEN[:-1]}"}),
    "another scheme": ("hooked", lambda body: {"Authorization": f"Basic {TOKEN}"}),
    "a signature for a token": ("hooked", lambda body: hub(body, TOKEN)),
}


@pytest.mark.parametrize("name", GENUINE)
def test_who_knows_the_secret_is_let_in(town: Town, name: str) -> None:
    source, signing = GENUINE[name]
    mia = new_id("mia")
    body = dump(patient(mia))
    assert town.send(source, body, headers=signing(body)).status_code == 200
    assert town.has(f"Patient/{mia}")


@pytest.mark.parametrize("name", FORGED)
def test_who_does_not_is_not(town: Town, name: str) -> None:
    source, signing = FORGED[name]
    body = dump(patient(new_id("mia")))
    before = town.served.dump()
    answer = town.send(source, body, headers=signing(body))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == ("Bearer" if source == "hooked" else "HMAC-SHA256")
    outcome: Json = answer.json()
    assert outcome["issue"][0]["code"] == "login"
    assert town.served.dump() == before


@pytest.mark.parametrize("source", ["nobody", "silent", "Hooked", "hooked%2F..", "%2E%2E%2Fhooked", "%00"])
def test_an_unknown_source_is_nowhere(town: Town, source: str) -> None:
    before = town.served.dump()
    answer = town.send(source, patient("mia"), headers=BEARER)
    assert answer.status_code == 404
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert town.served.dump() == before


def test_a_secret_is_changed_while_the_service_runs(town: Town) -> None:
    file = town.folder / "secret"
    body = dump(patient(new_id("mia")))
    kept = file.read_text()
    try:
        file.write_text("the next secret\r\n\n")
        assert town.send("plain", body, headers=hub(body, SECRET)).status_code == 401
        assert town.send("plain", body, headers=hub(body, "")).status_code == 401
        assert town.send("plain", body, headers=hub(body, "the next secret")).status_code == 200
    finally:
        file.write_text(kept)


@pytest.mark.parametrize("content", ["", "\n \n", None])
def test_without_a_secret_of_our_own_nobody_is_let_in(town: Town, content: str | None) -> None:
    file = town.folder / "secret"
    kept = file.read_text()
    body = dump(patient(new_id("mia")))
    try:
        file.unlink() if content is None else file.write_text(content)
        assert town.send("plain", body, headers=hub(body, "")).status_code == 503
        assert town.send("plain", body, headers=hub(body)).status_code == 503
    finally:
        file.write_text(kept)
