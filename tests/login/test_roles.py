"""Every page times every role: the routes are the application's own, so that none can be forgotten."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Route

from referral_service.api.app import create_app
from tests.login.house import CANARY, Browser, House, house

Everybody = frozenset({"nora", "carl", "olga", "adam"})
ACTING = frozenset({"nora", "carl"})
SEEING = ACTING | {"adam"}
NOWHERE = "/worklist/{rest:path}"
# Who may, by method and path; a route that is not here fails the test until somebody has decided.
RIGHTS: Mapping[tuple[str, str], frozenset[str]] = {
    ("GET", "/"): Everybody,
    ("GET", "/worklist"): Everybody,
    ("GET", "/worklist/list/{name}"): SEEING,
    ("GET", "/worklist/list/{name}/file.csv"): SEEING,
    ("POST", "/worklist/list/{name}"): SEEING,
    ("POST", "/worklist/list/{name}/file.csv"): SEEING,
    ("GET", "/worklist/referral/{task}"): SEEING,
    ("GET", "/worklist/referral/{task}/letter"): SEEING,
    ("GET", "/worklist/referral/{task}/letter.pdf"): SEEING,
    ("GET", "/worklist/patient/{id}"): SEEING,
    ("GET", "/worklist/record/{type}/{id}"): SEEING,
    ("GET", "/worklist/record/{type}/{id}/_history/{version}"): SEEING,
    ("GET", "/worklist/measures"): Everybody,
    ("GET", "/worklist/measures/file.csv"): Everybody,
    ("GET", "/worklist/events"): SEEING,
    ("GET", NOWHERE): SEEING,
    ("POST", "/worklist/views"): ACTING,
    ("POST", "/worklist/views/remove"): ACTING,
    ("POST", "/worklist/referral/{task}/{name}"): ACTING,
    ("POST", "/worklist/me"): frozenset(),
}
OPEN = "/worklist/static/{digest}/{name}"
VERBS = (
    "approve", "decline", "withdraw", "acknowledge", "claim", "release", "reassign", "complete", "close",
    "comment", "ask", "informed", "send-again", "entered", "print", "told",
)  # fmt: skip


def routes(home: House) -> Iterator[tuple[str, str]]:
    """Those of pages for people."""
    for context in iter_route_contexts(create_app(home.server.service).routes):
        route = context.route
        assert isinstance(route, Route), "what is mounted, or a socket, is not tried here"
        if route.path == "/" or route.path.startswith("/worklist"):
            yield from ((method, route.path) for method in sorted((route.methods or set()) - {"HEAD"}))


def filled(path: str, home: House, patient: str) -> str:
    values = {"task": home.tasks[patient], "id": patient, "type": "Patient", "version": "1"}
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", value)
    return path.replace("/list/{name}", "/list/red-flag").replace("{name}", "comment")


def asked(browser: Browser, method: str, path: str, **more: Any) -> tuple[int, str]:
    """Status and text; of the stream its beginning."""
    with browser.http.stream(method, path, **more) as answer:
        if "event-stream" in answer.headers.get("content-type", ""):
            return answer.status_code, ""
        answer.read()
        return answer.status_code, answer.text


def test_every_route_is_decided_upon(home: House) -> None:
    assert set(routes(home)) == {*RIGHTS, ("GET", OPEN)}


@pytest.mark.parametrize("user", sorted(Everybody))
def test_each_role_opens_what_it_may_and_nothing_else(home: House, browser: Browser, user: str) -> None:
    browser.sign_in(user)
    fields = {"token": browser.token(), "stage": "review"}
    before = home.matters()
    for (method, path), rights in RIGHTS.items():
        address = filled(path, home, "amy")
        status, said = asked(browser, method, address, **({"data": fields} if method == "POST" else {}))
        if user in rights:
            assert status in (200, 303, 422, 404 if path.endswith(("pdf", NOWHERE)) else 200), (method, path)
        else:
            assert status == 403, (method, path)
            assert CANARY not in said and "is not open to you" in said
    assert home.matters() == before


@pytest.mark.parametrize("user", ["adam", "olga"])
@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_is_for_those_who_only_look(home: House, browser: Browser, user: str, verb: str) -> None:
    browser.sign_in(user)
    fields = {"token": browser.token(), "reason": "other", "owner": user, "note": "x", "what": "accepted"}

    answer = browser.http.post(f"/worklist/referral/{home.tasks['amy']}/{verb}", data=fields)

    assert answer.status_code == 403


def test_whoever_only_looks_is_shown_no_button_but_the_way_out(home: House, browser: Browser) -> None:
    browser.sign_in("adam")
    for page in ("/worklist/list/review", f"/worklist/referral/{home.tasks['amy']}"):
        shown = browser.get(page).text
        assert shown.count('<form method="post"') + shown.count('class="me" method="post"') == 1, page
        assert 'action="/auth/logout"' in shown


def test_an_operator_begins_at_the_measures(browser: Browser) -> None:
    entered = browser.sign_in("olga")

    assert browser.see(entered.headers["location"]).url.path == "/worklist/measures"


def test_whoever_is_not_signed_in_sees_nothing(home: House, browser: Browser) -> None:
    before = home.matters()
    for method, path in RIGHTS:
        answer = browser.http.request(method, filled(path, home, "amy"))
        assert answer.status_code == 401, (method, path)
        assert CANARY not in answer.text
    style = browser.get("/worklist").text.split('rel="stylesheet" href="')[1].split('"')[0]
    assert browser.get(style).status_code == 200
    assert home.matters() == before


def test_another_tenants_object_does_not_exist(home: House, browser: Browser) -> None:
    """For each page about one object: that of the north, asked for by the south's coordinator."""
    browser.sign_in("sue")
    fields = {"token": browser.token(), "note": "x"}
    before = home.matters()
    tried = 0
    for method, path in RIGHTS:
        if "{task}" not in path and "{id}" not in path:
            continue
        more = {"data": fields} if method == "POST" else {}
        theirs = browser.http.request(method, filled(path, home, "amy"), **more)
        assert theirs.status_code == 404, (method, path)
        assert CANARY not in theirs.text
        tried += 1
    assert tried == 7
    lists = "".join(browser.get(f"/worklist/list/{name}").text for name in ("red-flag", "review", "closed"))
    assert f"{CANARY}-cat" in lists and f"{CANARY}-amy" not in lists and f"{CANARY}-bea" not in lists
    assert home.matters() == before


def test_links_to_the_evidence_lead_to_a_page_for_people(home: House, browser: Browser) -> None:
    browser.sign_in("nora")
    page = browser.get(f"/worklist/referral/{home.tasks['amy']}").text
    links = {part.split('"')[0] for part in page.split('href="/fhir/')[1:]}
    assert len(links) > 5
    for link in links:
        shown = browser.see(f"/fhir/{link}")
        assert shown.status_code == 200, link
        assert shown.url.path == f"/worklist/record/{link}"
        assert link.split("/")[1] in shown.text


def test_audit_records_are_for_auditors(browser: Browser, other: Browser) -> None:
    browser.sign_in("nora")
    other.sign_in("adam")

    assert browser.get("/worklist/record/AuditEvent/1").status_code == 403
    assert other.get("/worklist/record/AuditEvent/1").status_code == 404


def test_without_a_provider_people_come_out_of_their_ehr_alone(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with house(tmp_path_factory.mktemp("ehr"), people=None) as home:
        page = httpx.get(f"{home.address}/worklist")

        assert page.status_code == 401 and "from the patient's chart in your EHR" in page.text.replace(
            "&#39;", "'"
        )
        assert httpx.get(f"{home.address}/auth/login").status_code == 404
        with Browser(home) as browser:
            assert browser.launch("amy").status_code == 303
