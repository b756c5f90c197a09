"""A real OpenID provider that others wrote (npm oidc-provider), gone through without a script."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.foreign import node
from tests.kit.server import Running
from tests.login.foreign import beside_a_foreign_provider

pytestmark = node.needs_node


@pytest.fixture(scope="module", params=["secret", "key"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service, known to the provider in one way of two."""
    with beside_a_foreign_provider(tmp_path_factory.mktemp("foreign"), request.param) as found:
        yield found


@contextmanager
def entered(served: Running, user: str) -> Iterator[tuple[httpx.Client, httpx.Response]]:
    """A browser without scripts that has gone through the provider's own pages, and the last page."""
    with httpx.Client(base_url=served.address, follow_redirects=True, timeout=30) as browser:
        page = browser.get("/auth/login?to=/worklist/list/review")
        page = browser.post(form(page), data={"prompt": "login", "login": user, "password": "any"})
        yield browser, browser.post(form(page), data={"prompt": "consent"})


def form(page: httpx.Response) -> str:
    """Where the page's form leads."""
    found = re.search(r'action="([^"]+)" method="post"', page.text)
    assert found, page.text
    return str(page.url.join(found[1]))


def test_a_coordinator_comes_in(served: Running) -> None:
    with entered(served, "nora") as (_, page):
        assert (page.status_code, page.url.path) == (200, "/worklist/list/review"), page.text
        assert "You are nora" in page.text
        assert "/worklist/referral/" in page.text


def test_somebody_without_a_role_does_not(served: Running) -> None:
    with entered(served, "nick") as (browser, page):
        assert page.status_code == 403 and "no role" in page.text
        assert browser.get("/worklist").status_code == 401


def test_the_providers_codes_count_once(served: Running) -> None:
    with httpx.Client(base_url=served.address, timeout=30) as browser:
        page = browser.get("/auth/login", follow_redirects=True)
        login = {"prompt": "login", "login": "nora", "password": "any"}
        page = browser.post(form(page), data=login, follow_redirects=True)
        answer = browser.post(form(page), data={"prompt": "consent"})
        while not answer.headers["location"].startswith(f"{served.address}/auth/callback"):
            answer = browser.get(str(answer.url.join(answer.headers["location"])))
        back = answer.headers["location"]
        kept = browser.cookies["sign-in"]
        assert browser.get(back).status_code == 303
        browser.cookies.clear()
        browser.cookies.set("sign-in", kept)
        assert browser.get(back).status_code == 400
