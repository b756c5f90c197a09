"""Whoever lies about who has signed in gets no session: tokens, answers, states, codes, addresses."""

from collections.abc import Callable
from http import HTTPStatus
from time import time
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from referral_service.auth.access import read
from referral_service.auth.provider import Provider, openid
from referral_service.core.problem import Problem
from tests.auth.forged import Pair
from tests.auth.house import bearer
from tests.login.house import STAFF, Browser, House
from tests.login.lies import LIES
from tests.login.provider import Lies

Json = dict[str, Any]
ATTEMPT = "sign-in"


def refused(browser: Browser, answer: httpx.Response, *statuses: int) -> None:
    """No session came of it, no page is open, and nothing that was sent is repeated."""
    assert answer.status_code in (statuses or (400,)), answer.text
    assert browser.session is None
    assert browser.get("/worklist").status_code == HTTPStatus.UNAUTHORIZED
    assert "nora" not in answer.text and "evil" not in answer.text


@pytest.mark.parametrize("name", LIES)
def test_a_token_that_lies_is_not_believed(home: House, browser: Browser, name: str) -> None:
    before = home.sessions()
    home.site.lies = Lies(token=LIES[name])

    refused(browser, browser.sign_in())

    assert home.sessions() == before


@pytest.mark.parametrize(
    "lies",
    [
        Lies(status=500),
        Lies(status=201),
        Lies(body=b"<html>welcome</html>"),
        Lies(body=b"[]"),
        Lies(body=b"{" * 100_000),
        Lies(body=b'{"id_token": "' + b"x" * 300_000),
        Lies(status=302, body=b"{}"),
        Lies(answer={"access_token": None}),
        Lies(answer={"access_token": ["list"]}),
    ],
)
def test_an_answer_that_is_none_signs_nobody_in(home: House, browser: Browser, lies: Lies) -> None:
    home.site.lies = lies

    refused(browser, browser.sign_in(), 400, 503)


def changed(address: str, **more: str | None) -> str:
    """The same with other parameters; None takes one away."""
    told = {**dict(parse_qsl(urlsplit(address).query)), **more}
    left = {name: it for name, it in told.items() if it is not None}
    return f"{address.partition('?')[0]}?{urlencode(left)}"


CALLBACKS: dict[str, Callable[[str], str]] = {
    "state of another": lambda address: changed(address, state="x" * 43),
    "state missing": lambda address: changed(address, state=None),
    "state empty": lambda address: changed(address, state=""),
    "state cut": lambda address: changed(
        address, state=dict(parse_qsl(urlsplit(address).query))["state"][:-1]
    ),
    "state twice": lambda address: f"{address}&state=x",
    "code twice": lambda address: f"{address}&code=x",
    "everything twice": lambda address: f"{address}&{urlsplit(address).query}",
    "code missing": lambda address: changed(address, code=None),
    "code of nobody": lambda address: changed(address, code="evil"),
    "code of great length": lambda address: changed(address, code="x" * 5000),
    "iss of another": lambda address: changed(address, iss="https://login.evil.example"),
    "iss missing, though it is promised": lambda address: changed(address, iss=None),
    "an error": lambda address: changed(address, code=None, error="access_denied", error_description="evil"),
    "the answer at the EHR's address": lambda address: address.replace("/callback", "/callback/clinic"),
    "the answer at nobody's address": lambda address: address.replace("/callback", "/callback/evil"),
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_a_changed_answer_is_not_taken(browser: Browser, name: str) -> None:
    answer = browser.consent(browser.begin())

    refused(browser, browser.get(CALLBACKS[name](answer)))
    refused(browser, browser.get(answer))


def test_an_answer_is_taken_once(home: House, browser: Browser, other: Browser) -> None:
    """Even by whoever has stolen the browser's cookie, and where the provider takes codes twice."""
    home.site.lies = Lies(keeps_codes=True)
    answer = browser.consent(browser.begin())
    stolen = browser.http.cookies[ATTEMPT]
    assert browser.get(answer).status_code == 303

    other.plant(ATTEMPT, stolen)

    refused(other, other.get(answer))


def test_an_answer_is_of_use_to_the_browser_that_asked_alone(browser: Browser, other: Browser) -> None:
    """Nobody is signed in as somebody else by a link."""
    answer = browser.consent(browser.begin())

    refused(other, other.get(answer))
    other.begin()
    refused(other, other.get(answer))


@pytest.mark.parametrize("lax", [False, True])
def test_a_stolen_code_is_of_no_use_in_another_attempt(
    home: House, browser: Browser, other: Browser, lax: bool
) -> None:
    """PKCE keeps it from that; where a provider does not look at it, the nonce does."""
    home.site.lies = Lies(keeps_codes=lax)
    stolen = dict(parse_qsl(urlsplit(browser.consent(browser.begin(), "carl")).query))["code"]
    mine = other.consent(other.begin())

    refused(other, other.get(changed(mine, code=stolen)))


def test_an_earlier_answer_does_not_fit_a_later_attempt(browser: Browser) -> None:
    first = browser.consent(browser.begin())
    browser.begin()

    refused(browser, browser.get(first))


def test_what_the_browser_keeps_cannot_be_made_or_changed(home: House, browser: Browser) -> None:
    authority = home.server.service.authority
    assert authority is not None
    answer = browser.consent(browser.begin())
    told = dict(parse_qsl(urlsplit(answer).query))
    kept = browser.http.cookies[ATTEMPT]
    claims = {
        "aud": home.address,
        "exp": int(time()) + 300,
        "via": "",
        "to": "/worklist",
        "state": told["state"],
        "nonce": home.site.asked["nonce"],
        "verifier": "x" * 43,
    }
    head, body, signature = kept.split(".")
    forged = {
        "nothing": "",
        "no token": "x",
        "a stranger's": Pair(str(authority.keys.public()["keys"][0]["kid"]), "ES256").token(
            claims, typ="sign-in+jwt"
        ),
        "cut": f"{head}.{body}.{signature[:-4]}AAAA",
        "of another kind": authority.keys.sign(claims),
        "of another service": authority.keys.sign({**claims, "aud": "https://x"}, "sign-in+jwt"),
        "too old": authority.keys.sign({**claims, "exp": int(time()) - 60}, "sign-in+jwt"),
        "via the EHR": authority.keys.sign({**claims, "via": "clinic"}, "sign-in+jwt"),
    }
    for name, value in forged.items():
        browser.http.cookies.clear()
        browser.plant(ATTEMPT, value)
        refused(browser, browser.get(answer))
        assert name

    browser.plant(ATTEMPT, kept)
    assert browser.get(answer).status_code == 303, "it was the forgeries that failed"


def test_neither_an_attempt_nor_a_session_is_an_access_token(home: House, browser: Browser) -> None:
    browser.begin()
    kept = browser.http.cookies[ATTEMPT]
    browser.sign_in()
    assert browser.session is not None

    for token in (kept, browser.session, home.site.issued[-1]):
        answer = home.server.http.get("/Patient/amy", headers=bearer(token))
        assert answer.status_code == 401
    assert browser.get("/fhir/Patient?_count=1").status_code == 401
    assert browser.http.post("/fhir/Patient", json={"resourceType": "Patient"}).status_code == 401


def test_an_access_token_opens_no_page(home: House, browser: Browser) -> None:
    headers = home.as_system("north")

    assert httpx.get(f"{home.address}/worklist", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://login.evil.example"},
        {"authorization_endpoint": "http://login.evil.example/authorize"},
        {"token_endpoint": "http://login.evil.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
    ],
)
def test_a_provider_that_names_unsafe_places_is_not_used(home: House, metadata: Json) -> None:
    path = home.server.service.settings.access
    assert path is not None
    people = read(path).people
    assert people is not None
    home.site.lies = Lies(metadata=metadata)

    with pytest.raises(Problem, match="does not answer"):
        Provider(people, lambda: openid(home.site.issuer), home.server.service.clock).doors()


ELSEWHERE = (
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/worklist@evil.example",
    "/worklist.evil.example",
    "/worklist/..//evil.example",
    "/worklist/../fhir/Patient",
    "/worklist//evil.example",
    "/worklist\r\nLocation: https://evil.example",
    "/worklist\t//evil.example",
    "javascript:alert(1)",
    "https:/worklist",
    "/auth/logout",
    "%2f%2fevil.example",
    "/%2f/evil.example",
    "",
)


@pytest.mark.parametrize("to", ELSEWHERE)
def test_signing_in_leads_to_pages_of_ours_alone(browser: Browser, to: str) -> None:
    entered = browser.sign_in("nora", to)

    assert (entered.status_code, entered.headers["location"]) == (303, "/worklist")
    page = browser.get("/auth/login?" + urlencode({"to": to}), sec_fetch_site="cross-site")
    assert page.status_code == 200 and "evil" not in page.text


def test_another_site_signs_nobody_in_without_a_click(browser: Browser) -> None:
    page = browser.get("/auth/login?to=/worklist/measures", sec_fetch_site="cross-site")

    assert page.status_code == 200
    assert 'href="/auth/login?to=%2Fworklist%2Fmeasures"' in page.text
    assert browser.get("/auth/login", sec_fetch_site="same-origin").status_code == 303


def test_what_somebody_says_of_themselves_elsewhere_does_not_count(home: House, browser: Browser) -> None:
    """Neither the answer beside the ID token nor a cookie makes anybody a surgeon."""
    home.site.lies = Lies(answer={"realm": {"groups": ["Surgeons"]}, "organisation": "south"})
    home.site.people["nick"] = STAFF["nick"]

    browser.plant("worklist-actor", "Practitioner/carl")

    assert browser.sign_in("nick").status_code == 403
    browser.sign_in("nora")
    assert "You are nora" in browser.get("/worklist/measures").text
