"""What coordinators do with orders on their way: by mouse and keyboard, and without any script."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_access import LOOKS, RULES, SMALL
from tests.browser.test_journeys import become, open_referral
from tests.worklist.orders import TWICE, Faults, Sending, sending

SEEN = ("dark", "narrow", "forced colours")


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sending]:
    """A service whose orders go to an EHR."""
    with sending(tmp_path_factory.mktemp("sending")) as made:
        yield made


@pytest.fixture
def desk(chromium: Browser, post: Sending) -> Iterator[Page]:
    """A coordinator's window; whatever goes wrong in it fails the test."""
    context = chromium.new_context(base_url=post.house.server.address)
    context.set_default_timeout(15_000)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    yield opened
    context.close()
    assert [fault for fault in faults if "422" not in fault and "409" not in fault] == []


def says(page: Page, button: str) -> None:
    """What the clinic says, by its button."""
    page.get_by_role("button", name=button, exact=True).click()


def test_a_send_fails_and_is_retried(post: Sending, desk: Page) -> None:
    """Given an EHR that has the order twice, when Nora sends again, then it is there once."""
    post.ehr.faults = TWICE
    patient = post.approved("Olga Ray")
    post.deliver()
    post.ehr.faults = Faults()
    become(desk, "nora")
    desk.goto("/worklist/list/failed")
    expect(desk.get_by_role("row", name="Olga Ray")).to_contain_text("The other side has the order twice")
    desk.get_by_role("link", name="Olga Ray").click()
    expect(desk.get_by_role("button", name="Send again")).to_be_visible()

    for kind, whose in (("ServiceRequest", "subject"), ("Task", "for")):
        twice = [one for one in post.ehr.stored(kind) if one[whose]["reference"].endswith(patient)]
        post.ehr.remove(kind, str(twice[0]["id"]))
    says(desk, "Send again")
    expect(desk.get_by_text("nora had the order sent again")).to_be_visible()
    post.deliver()

    open_referral(desk, "acceptance", "Olga Ray")
    expect(desk.get_by_text("The service sent the order")).to_be_visible()
    there = [
        one for one in post.ehr.stored("ServiceRequest") if one["subject"]["reference"].endswith(patient)
    ]
    assert len(there) == 1


@pytest.mark.parametrize("has_script", [True, False], ids=["with a script", "without"])
def test_the_loop_is_closed(post: Sending, chromium: Browser, has_script: bool) -> None:
    """Given a sent order, when Nora records each word of the clinic, then the loop is closed and counted."""
    who = "Pia Ray" if has_script else "Quin Ray"
    post.approved(who)
    post.deliver()
    context = chromium.new_context(base_url=post.house.server.address, java_script_enabled=has_script)
    page = context.new_page()
    become(page, "nora")
    open_referral(page, "acceptance", who)
    says(page, "Accepted")
    page.get_by_label("Day of the appointment, if told").first.fill("2026-12-08")
    says(page, "Appointment booked")
    expect(page.get_by_text("2026-12-08")).to_be_visible()
    says(page, "Seen")
    says(page, "Report received")
    expect(page).to_have_title(re.compile("^Not done: "))
    page.get_by_role("link", name="Say where the report is, or write what it says.").click()
    expect(page.get_by_label("Where the report is, such as DiagnosticReport/123")).to_be_focused()
    page.get_by_label("Or what the report says").fill("Exercise is advised.")
    says(page, "Report received")
    expect(page.get_by_text("Report: Exercise is advised.")).to_be_visible()

    open_referral(page, "closed", who)
    page.goto("/worklist/measures")
    expect(page.get_by_role("row", name="Visit to report")).to_be_visible()
    context.close()


def test_an_order_is_entered_by_hand_from_the_letter(post: Sending, desk: Page) -> None:
    """Given an order that cannot be sent, when Omar prints and enters it, then it awaits acceptance."""
    post.ehr.faults = TWICE
    post.approved("Rosa Ray")
    post.deliver()
    post.ehr.faults = Faults()
    become(desk, "omar")
    open_referral(desk, "failed", "Rosa Ray")
    says(desk, "Print the letter")
    expect(desk.get_by_role("heading", level=1)).to_have_text("Evaluation for intradiscal treatment")
    desk.emulate_media(media="print")
    expect(desk.get_by_role("link", name="Back to the referral")).to_be_hidden()
    expect(desk.get_by_role("button", name="Change")).to_be_hidden()
    expect(desk.get_by_role("cell", name="183 days").first).to_be_visible()
    desk.emulate_media(media="screen")
    desk.get_by_role("link", name="Back to the referral").click()
    says(desk, "Entered by hand")

    expect(desk.get_by_text("omar entered the order by hand")).to_be_visible()
    open_referral(desk, "acceptance", "Rosa Ray")


def test_a_saved_view_is_there_tomorrow(post: Sending, chromium: Browser) -> None:
    """Given a filtered list, when Nora saves it and starts her browser anew, then one click shows it."""
    context = chromium.new_context(base_url=post.house.server.address)
    page = context.new_page()
    become(page, "nora")
    page.goto("/worklist/list/report")
    page.get_by_label("Region").select_option("lumbar")
    page.get_by_role("button", name="Filter").click()
    page.get_by_text("Saved views").click()
    page.get_by_label("Save this list and its filters as").fill("My back reports")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name="My back reports")).to_be_visible()
    tomorrow = chromium.new_context(
        base_url=post.house.server.address, storage_state=context.storage_state()
    ).new_page()
    tomorrow.goto("/worklist/list/review")
    tomorrow.get_by_role("link", name="My back reports").click()

    expect(tomorrow.get_by_role("heading", level=1)).to_have_text("Awaiting report")
    expect(tomorrow.get_by_label("Region")).to_have_value("lumbar")
    context.close()
    tomorrow.context.close()


@pytest.fixture(scope="module")
def addresses(post: Sending, chromium: Browser) -> list[str]:
    """Every new kind of page and state, with something on it."""
    post.ehr.faults = TWICE
    post.approved("Sol Ray")
    post.deliver()
    post.ehr.faults = Faults()
    for name in ("Tess Ray", "Ulf Ray"):
        post.approved(name)
    post.deliver()
    post.approved("Vic Ray")
    page = chromium.new_context(base_url=post.house.server.address).new_page()
    open_referral(page, "acceptance", "Ulf Ray")
    page.get_by_label("Day of the appointment, if told").first.fill("2026-12-08")
    says(page, "Appointment booked")
    found = ["/worklist/measures", "/worklist/list/failed", "/worklist/list/report"]
    for stage, who in (("failed", "Sol"), ("acceptance", "Tess"), ("report", "Ulf"), ("ready", "Vic")):
        open_referral(page, stage, f"{who} Ray")
        found.append(page.url)
    page.context.close()
    return [*found, f"{found[4]}/letter"]


@pytest.mark.parametrize("look", SEEN)
def test_no_page_of_orders_has_a_barrier(
    chromium: Browser, post: Sending, addresses: list[str], look: str
) -> None:
    context = chromium.new_context(base_url=post.house.server.address, bypass_csp=True, **LOOKS[look])
    page = context.new_page()
    for address in addresses:
        page.goto(address)
        page.evaluate("document.querySelectorAll('details').forEach(it => { it.open = true })")
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, f"{address}: {found.generate_report()}"
        width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1], f"{address} is wider than the window: {width}"
        assert page.evaluate(SMALL) == []
    context.close()


def test_faults_of_the_new_forms_have_no_barrier_either(
    chromium: Browser, post: Sending, addresses: list[str]
) -> None:
    context = chromium.new_context(base_url=post.house.server.address, bypass_csp=True)
    page = context.new_page()
    page.goto(addresses[5])
    says(page, "Report received")
    assert Axe().run(page, options=RULES).violations_count == 0
    page.goto("/worklist/list/report")
    page.get_by_text("Saved views").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Give the view a name")
    assert Axe().run(page, options=RULES).violations_count == 0
    context.close()
