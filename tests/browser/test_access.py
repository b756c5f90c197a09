"""Everybody can use the pages: axe-core on every page and state, reflow, zoom, dark, forced colours."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.api.people import CAUDA, EXHAUSTED, UNCLEAR, House
from tests.worklist.people import named

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
LISTS = ("red-flag", "review", "information", "ready", "closed")
LOOKS = {
    "wide": {"viewport": {"width": 1280, "height": 900}},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 320, "height": 640}},
    "zoomed to 400 %": {"viewport": {"width": 320, "height": 256}, "device_scale_factor": 4},
    "forced colours": {"viewport": {"width": 1280, "height": 900}, "forced_colors": "active"},
    "less motion": {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"},
}
SMALL = """() => [...document.querySelectorAll("button, select, input, textarea, .lists a, th a")]
    .filter(it => it.type !== "hidden" && it.checkVisibility())
    .filter(it => it.getBoundingClientRect().width < 24 || it.getBoundingClientRect().height < 24)
    .map(it => it.outerHTML)"""


@pytest.fixture(scope="module")
def patient(house: House) -> str:
    """A patient of every list."""
    named(house, "Ruth Alder", *EXHAUSTED, CAUDA)
    named(house, "Carl Birch", *UNCLEAR)
    named(house, "Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa Long", *UNCLEAR)
    return named(house, "Nora Elm", *EXHAUSTED)


def pages(page: Page, patient: str) -> list[str]:
    """Every kind of page, with something on it."""
    found = [f"/worklist/list/{name}" for name in LISTS] + [f"/worklist/patient/{patient}"]
    for stage in ("red-flag", "review", "information"):
        page.goto(f"/worklist/list/{stage}")
        address = page.locator("table th a").first.get_attribute("href")
        found.append(address or "")
    return found


@pytest.mark.parametrize("look", LOOKS)
def test_no_page_has_a_barrier(chromium: Browser, house: House, patient: str, look: str) -> None:
    context = chromium.new_context(base_url=house.server.address, bypass_csp=True, **LOOKS[look])
    page = context.new_page()
    for address in pages(page, patient):
        page.goto(address)
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, f"{address}: {found.generate_report()}"
        width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1], f"{address} is wider than the window: {width}"
        assert page.evaluate(SMALL) == []
    context.close()


def test_a_form_with_a_fault_has_no_barrier_either(chromium: Browser, house: House, patient: str) -> None:
    context = chromium.new_context(base_url=house.server.address, bypass_csp=True)
    page = context.new_page()
    page.goto("/worklist/list/review")
    page.get_by_role("link", name="Nora Elm").click()
    page.get_by_role("button", name="Decline").click()

    assert page.title().startswith("Not done: ")
    assert Axe().run(page, options=RULES).violations_count == 0
    context.close()


def test_titles_tell_the_pages_apart(page: Page, patient: str) -> None:
    titles = []
    for address in pages(page, patient):
        page.goto(address)
        titles.append(page.title())

    assert len(set(titles)) == len(titles)


def test_print_shows_the_referral_and_no_buttons(page: Page, patient: str) -> None:
    page.goto("/worklist/list/review")
    page.get_by_role("link", name="Nora Elm").click()
    page.emulate_media(media="print")

    assert page.get_by_role("heading", name="The draft").is_visible()
    assert not page.locator("form button").first.is_visible()
