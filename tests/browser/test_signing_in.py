"""Signing in with a real browser, at a real provider's pages; and no page around it has a barrier."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect

from tests.api.people import CAUDA
from tests.browser.test_access import RULES
from tests.foreign import node
from tests.kit.server import Running
from tests.login.conftest import browser, furnished, home, other
from tests.login.foreign import beside_a_foreign_provider, put
from tests.login.house import Browser, House

__all__ = ["browser", "furnished", "home", "other"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service beside the provider."""
    with beside_a_foreign_provider(tmp_path_factory.mktemp("foreign"), "secret") as found:
        yield found


@pytest.fixture
def window(chromium: Chromium, served: Running) -> Iterator[Page]:
    """A window."""
    context = chromium.new_context(base_url=served.address)
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


@node.needs_node
def test_a_day_in_a_real_browser(window: Page, served: Running) -> None:
    window.goto("/worklist/list/review")
    window.get_by_role("link", name="Sign in").click()
    window.get_by_placeholder("Enter any login").fill("nora")
    window.get_by_placeholder("and password").fill("any")
    window.get_by_role("button", name="Sign-in").click()
    window.get_by_role("button", name="Continue").click()
    expect(window.get_by_role("heading", level=1)).to_have_text("To review")
    expect(window.get_by_text("You are nora")).to_be_visible()
    assert all(one.get("httpOnly") for one in window.context.cookies(f"{served.address}/worklist"))
    assert window.evaluate("document.cookie") == ""

    window.locator("table th a").first.click()
    window.get_by_role("button", name="Claim it").click()
    expect(window.get_by_text("nora claimed")).to_be_visible()
    address = window.url
    window.get_by_role("button", name="Sign out").click()
    window.get_by_role("button", name="Yes, sign me out").click()
    expect(window.get_by_role("heading", level=1)).to_have_text("You are signed out")

    window.goto(address)
    expect(window.get_by_role("heading", level=1)).to_have_text("Sign in")
    window.get_by_role("link", name="Sign in").click()
    expect(window.get_by_placeholder("Enter any login")).to_be_visible()


@node.needs_node
def test_an_open_page_is_hidden_once_the_session_has_ended(window: Page, served: Running) -> None:
    window.goto("/auth/login?to=/worklist/list/review")
    window.get_by_placeholder("Enter any login").fill("adam")
    window.get_by_placeholder("and password").fill("any")
    window.get_by_role("button", name="Sign-in").click()
    window.get_by_role("button", name="Continue").click()
    expect(window.locator("[data-state=live]")).to_be_attached()

    with served.service.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM session")
    put(served, {"id": "zoe", "given": [CAUDA]})
    expect(window.get_by_role("heading", level=1)).to_have_text("Sign in", timeout=30_000)
    assert "/worklist/referral/" not in window.content(), "nothing is left on the screen"


@pytest.mark.parametrize("look", [{}, {"viewport": {"width": 320, "height": 640}}, {"color_scheme": "dark"}])
def test_no_page_has_a_barrier(
    home: House, browser: Browser, other: Browser, chromium: Chromium, look: dict[str, object]
) -> None:
    context = chromium.new_context(base_url=home.address, bypass_csp=True, **look)  # type: ignore[arg-type]
    page = context.new_page()
    browser.sign_in("nora")
    other.sign_in("olga")
    nora, olga = (
        {"name": "session", "value": one.session or "", "url": home.address} for one in (browser, other)
    )
    visits = (
        ("/worklist", None, "Sign in"),
        ("/auth/callback?state=x", None, "You are not signed in"),
        ("/auth/launch?iss=x", None, "You cannot come in"),
        ("/auth/signed-out", None, "You are signed out"),
        ("/worklist/list/review", olga, "This is not open to you"),
        ("/worklist/record/Patient/amy", nora, "Patient/amy"),
        (f"/worklist/referral/{home.tasks['amy']}", nora, ""),
    )
    for address, cookie, heading in visits:
        context.clear_cookies()
        if cookie:
            context.add_cookies([cookie])  # type: ignore[list-item]
        page.goto(address)
        assert heading in (page.get_by_role("heading", level=1).text_content() or "")
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, f"{address}: {found.generate_report()}"
        width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1], f"{address} is wider than the window: {width}"
    context.close()
