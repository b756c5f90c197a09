"""A real Chromium: the machine's, else Playwright's, else the one that `npm ci` has put in tests/foreign.

Without any that runs here, these tests are skipped.
"""

import shutil
from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, Error, Page, Playwright, sync_playwright

from referral_service.wiring import build_assessor
from tests.api.people import House
from tests.foreign.node import HERE as FOREIGN
from tests.kit.server import running

_PATIENCE = 15_000
_BROUGHT = FOREIGN / "node_modules" / ".chromium"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser of this test process."""
    with sync_playwright() as playwright:
        browser = _launched(playwright)
        yield browser
        browser.close()


def _launched(playwright: Playwright) -> Browser:
    installed = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    libraries = {"LD_LIBRARY_PATH": str(_BROUGHT / "al2023" / "lib")}
    brought = _BROUGHT / "chromium"
    # The machine's own libraries come first: those that were brought along are for machines that lack them.
    for program, environment in ((installed, None), (brought, None), (brought, libraries)):
        with suppress(Error):
            return playwright.chromium.launch(executable_path=program, env=environment, args=["--no-sandbox"])
    pytest.skip("no Chromium runs on this machine")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A service with its worker."""
    with running(tmp_path_factory.mktemp("house")) as served:
        yield House(served, build_assessor(served.service.settings, served.service.store))


@pytest.fixture
def page(chromium: Browser, house: House) -> Iterator[Page]:
    """A coordinator's window; whatever goes wrong in it fails the test."""
    context = chromium.new_context(base_url=house.server.address)
    context.set_default_timeout(_PATIENCE)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    yield opened
    context.close()
    assert [fault for fault in faults if "422" not in fault and "409" not in fault] == []


@pytest.fixture
def other(chromium: Browser, house: House) -> Iterator[Page]:
    """Another coordinator's window."""
    context = chromium.new_context(base_url=house.server.address)
    context.set_default_timeout(_PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture
def plain(chromium: Browser, house: House) -> Iterator[Page]:
    """A window that runs no script."""
    context = chromium.new_context(base_url=house.server.address, java_script_enabled=False)
    context.set_default_timeout(_PATIENCE)
    yield context.new_page()
    context.close()
