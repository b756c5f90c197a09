"""What coordinators do in a day, by mouse, by keyboard, and without any script."""

from playwright.sync_api import Browser, Page, expect

from tests.api.people import CAUDA, EXHAUSTED, UNCLEAR, House
from tests.worklist.people import named


def become(page: Page, name: str) -> None:
    page.goto("/worklist")
    page.get_by_label("You are").fill(name)
    page.get_by_role("button", name="Change").click()


def look_for(page: Page, stage: str, who: str) -> None:
    page.goto(f"/worklist/list/{stage}")
    page.get_by_label("Patient identifier").fill(who[::-1].replace(" ", "-"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Patient identifier")).to_have_value(who[::-1].replace(" ", "-"))
    assert page.url.endswith(f"/worklist/list/{stage}")


def open_referral(page: Page, stage: str, who: str) -> None:
    look_for(page, stage, who)
    page.get_by_role("link", name=who).first.click()


def test_morning_triage(house: House, page: Page) -> None:
    """Given a night's work, when Nora opens the page, then she acts on the gravest in a minute."""
    named(house, "Ruth Alder", *EXHAUSTED, CAUDA)
    named(house, "Nora Elm", *EXHAUSTED)
    named(house, "Carl Birch", *UNCLEAR)

    become(page, "nora")
    expect(page.get_by_role("heading", level=1)).to_have_text("Red flags now")
    page.get_by_role("link", name="Ruth Alder").click()
    expect(page.get_by_text("A diagnosis that waives the trial is recorded.")).to_be_visible()
    page.get_by_role("button", name="Acknowledge the red flag as nora").click()
    expect(page.get_by_text("nora acknowledged the red flag")).to_be_visible()

    open_referral(page, "review", "Nora Elm")
    expect(page.get_by_role("row", name="The trial has lasted its maximum")).to_contain_text("Met")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("heading", name="The order")).to_be_visible()

    page.goto("/worklist/list/ready")
    expect(page.get_by_role("link", name="Nora Elm")).to_be_visible()


def test_a_red_flag_arrives_while_the_page_is_open(house: House, page: Page) -> None:
    """Given an open list, when a red flag is posted, then it is on the screen within seconds."""
    page.goto("/worklist/list/closed")
    expect(page.locator("[data-state=live]")).to_be_attached()
    named(house, "Vera Linden", CAUDA)

    expect(page.get_by_role("region", name="Red flags now").or_(page.locator(".flags"))).to_contain_text(
        "Vera Linden", timeout=10_000
    )


def test_a_double_click_acts_once(house: House, page: Page) -> None:
    """Given a red flag, when Nora clicks twice to acknowledge it, then nothing else is done."""
    patient = named(house, "Dora Sorrel", *EXHAUSTED, CAUDA)
    page.goto("/worklist/list/red-flag")
    page.get_by_role("link", name="Dora Sorrel").first.click()
    box = page.get_by_role("button", name="Acknowledge").bounding_box()
    assert box
    where = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    page.mouse.click(*where)
    expect(page.get_by_text("Acknowledge the red flag as")).to_have_count(0)
    page.mouse.click(*where)
    page.wait_for_timeout(300)

    assert house.statuses(patient)["proposal"] == "draft"
    page.wait_for_timeout(700)
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("heading", name="The order")).to_be_visible()


def test_enter_pressed_twice_sends_a_form_once(house: House, page: Page) -> None:
    """Given a referral, when Nora presses Enter again, then nothing is sent twice; back, she may send it."""
    named(house, "Enid Sorrel", *EXHAUSTED)
    sent: list[str] = []

    open_referral(page, "review", "Enid Sorrel")
    address = page.url
    page.on("request", lambda asked: sent.append(asked.url) if asked.method == "POST" else None)
    page.get_by_role("button", name="Claim it").focus()
    page.evaluate("() => { for (let times = 0; times < 3; times += 1) document.activeElement.click(); }")
    expect(page.get_by_role("button", name="Release it")).to_be_visible()
    assert sent == [f"{address}/claim"]

    once = """() => {
        const form = document.querySelector("form[action$='/release']");
        let stopped = [];
        addEventListener("submit", (it) => { stopped.push(it.defaultPrevented); it.preventDefault(); });
        form.requestSubmit();
        form.requestSubmit();
        dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
        form.requestSubmit();
        return stopped;
    }"""
    assert page.evaluate(once) == [False, True, False], "whoever comes back may send it"


def test_a_double_click_acts_once_without_any_script(house: House, plain: Page) -> None:
    """Given no script, when Nora has acknowledged, then no other button stands where she clicked."""
    named(house, "Dina Sorrel", *EXHAUSTED, CAUDA)
    plain.goto("/worklist/list/red-flag")
    plain.get_by_role("link", name="Dina Sorrel").first.click()
    box = plain.get_by_role("button", name="Acknowledge").bounding_box()
    assert box

    plain.get_by_role("button", name="Acknowledge").click()
    expect(plain.get_by_role("button", name="Acknowledged the red flag")).to_be_disabled()
    plain.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    for name in ("Approve", "Claim it", "Decline"):
        other = plain.get_by_role("button", name=name, exact=True).bounding_box()
        assert other
        assert other["x"] >= box["x"] + box["width"] or abs(other["y"] - box["y"]) >= box["height"], (
            f"{name} has taken the place"
        )


def test_a_red_flag_arrives_while_another_page_is_open(house: House, page: Page) -> None:
    """Given a referral and a red flag that is known, when another is posted, then this one alone is told."""
    named(house, "Olga Known", *EXHAUSTED, CAUDA)
    named(house, "Nils Fern", *EXHAUSTED)
    open_referral(page, "review", "Nils Fern")
    expect(page.locator("[data-state=live]")).to_be_attached()
    page.wait_for_timeout(2000)
    named(house, "Vito Linden", CAUDA)

    news = page.get_by_role("status")
    expect(news).to_contain_text("Vito Linden", timeout=10_000)
    expect(news).not_to_contain_text("Olga Known")
    news.get_by_role("link", name="Vito Linden").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Vito Linden")
    page.wait_for_timeout(1500)
    expect(page.get_by_role("status")).to_be_empty()


def test_tabs_that_nobody_sees_keep_no_connection(house: House, page: Page) -> None:
    """Given more tabs than a browser has connections, when each is left for the next, then all open."""
    hidden = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
    hide = hidden % "true" + "document.dispatchEvent(new Event('visibilitychange'))"
    tabs = [page, *(page.context.new_page() for _ in range(7))]
    for tab in tabs:
        tab.goto("/worklist/list/closed")
        expect(tab.locator("[data-state=live]")).to_be_attached()
        tab.evaluate(hide)
    named(house, "Theo Alder", CAUDA)

    page.evaluate(hidden % "false" + "document.dispatchEvent(new Event('visibilitychange'))")

    expect(page.locator(".flags")).to_contain_text("Theo Alder", timeout=10_000)


def test_two_coordinators_on_one_item(house: House, page: Page, other: Page) -> None:
    """Given both look at one referral, when one claims it, then the other is told before acting."""
    named(house, "Hugo Maple", *EXHAUSTED)
    become(page, "nora")
    become(other, "omar")
    open_referral(page, "review", "Hugo Maple")
    open_referral(other, "review", "Hugo Maple")

    page.get_by_role("button", name="Claim it").click()
    other.get_by_role("button", name="Approve", exact=True).click()

    expect(other.get_by_role("alert")).to_contain_text("Somebody or something changed this referral")
    expect(other.get_by_role("alert")).to_be_focused()
    expect(other.get_by_text("nora claimed")).to_be_visible()


def test_a_decline_needs_a_reason_and_new_evidence_opens_it_again(house: House, page: Page) -> None:
    """Given a declined draft, when other reasons speak for it, then a new draft stands on the list."""
    patient = named(house, "Iris Ash", *EXHAUSTED)
    become(page, "nora")
    open_referral(page, "review", "Iris Ash")
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose why you decline.")
    page.get_by_role("link", name="Choose why you decline.").click()
    expect(page.get_by_label("Why", exact=True)).to_be_focused()
    page.get_by_label("Why", exact=True).select_option("more-care")
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_text("nora declined")).to_be_visible()

    for index, (value, on) in enumerate(((3, -200), (6, -10))):
        house.server.put(_pain(patient, index, value, on))
    house.judge()
    look_for(page, "review", "Iris Ash")
    standing = page.get_by_role("link", name="Iris Ash")
    assert standing.count() in (0, 1), "never two"


def _pain(patient: str, index: int, value: int, on: int) -> dict[str, object]:
    from referral_service.clinic.chart import build
    from tests.kit.judged import TODAY

    score = {"score": "72514-3", "value": value, "unit": "{score}", "on": on, "id": f"pain-{index}"}
    return build({"id": patient, "given": [score]}, TODAY)[-1]


def test_everything_works_without_a_script(house: House, chromium: Browser) -> None:
    """Given a browser without JavaScript, when Omar works his list, then every step works."""
    named(house, "Otto Rowan", *UNCLEAR)
    context = chromium.new_context(base_url=house.server.address, java_script_enabled=False)
    page = context.new_page()
    become(page, "omar")
    open_referral(page, "information", "Otto Rowan")
    page.get_by_role("button", name="Claim it").click()
    page.get_by_label("What you found out").fill("The films are at the other hospital")
    page.get_by_role("button", name="Complete the review").click()

    assert "The films are at the other hospital" in page.content()
    look_for(page, "closed", "Otto Rowan")
    assert page.get_by_role("link", name="Otto Rowan").count() == 1
    context.close()


def test_by_keyboard_alone(house: House, page: Page) -> None:
    """Given no mouse, when Nora tabs through the page, then each stop is visible and the work is done."""
    named(house, "Mona Hazel", *EXHAUSTED)
    look_for(page, "review", "Mona Hazel")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    reach(page, "Mona Hazel")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Mona Hazel")
    reach(page, "Claim it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Release it")).to_be_visible()


def reach(page: Page, name: str) -> None:
    """Presses Tab until something of that name has the focus; every stop on the way is to be seen."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            """() => { const it = document.activeElement, box = it.getBoundingClientRect();
                const style = getComputedStyle(it);
                return [it.textContent.trim() || it.value || it.name || "", box.width * box.height > 0
                    && box.bottom > 0 && box.top < innerHeight, style.outlineStyle] }"""
        )
        assert focused[1], f"{focused[0]} has the focus and cannot be seen"
        if name in focused[0] and len(focused[0]) < 80:
            assert focused[2] != "none"
            return
    raise AssertionError(f"{name} is out of reach")
