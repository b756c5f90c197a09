"""Out of a patient's chart in the EHR: that patient's pages, and nobody else's."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.login.house import CANARY, EHR_CLIENT, Browser, House
from tests.login.lies import LIES
from tests.login.provider import Lies
from tests.login.test_roles import RIGHTS, asked, filled

Json = dict[str, Any]


def test_a_launch_opens_the_patient_whose_chart_is_open(home: House, browser: Browser) -> None:
    entered = browser.launch("amy")

    assert (entered.status_code, entered.headers["location"]) == (303, "/worklist/patient/amy")
    for page in (
        "/worklist/patient/amy",
        f"/worklist/referral/{home.tasks['amy']}",
        "/worklist/record/Patient/amy",
    ):
        shown = browser.get(page)
        assert shown.status_code == 200 and f"{CANARY}-amy" in shown.text
        assert "You are doctor-7" in shown.text and "/worklist/measures" not in shown.text
    assert browser.see("/worklist").url.path == "/worklist/patient/amy"
    assert browser.see("/fhir/Patient/amy").url.path == "/worklist/record/Patient/amy"

    assert browser.act(home.tasks["amy"], "comment", note="Seen out of the chart").status_code == 303
    task = home.server.http.get(f"/Task/{home.tasks['amy']}", headers=home.as_system("north")).json()
    assert task["note"][-1]["authorReference"] == {"reference": "Practitioner/doctor-7"}
    left = browser.sign_out(token=browser.token("/worklist/patient/amy"))
    assert left.status_code == 200 and home.site.issuer not in left.text, "the site's provider is not asked"
    assert browser.get("/worklist/patient/amy").status_code == 401


def test_the_question_is_what_smart_wants(home: House, browser: Browser) -> None:
    answer = browser.http.get(
        "/auth/launch", params={"iss": f"{home.ehr.issuer}/fhir/", "launch": "a b" * 0 + "xyz+/=123"}
    )
    asked_for = {name: it[0] for name, it in parse_qs(urlsplit(answer.headers["location"]).query).items()}

    assert answer.headers["location"].startswith(home.ehr.issuer)
    assert asked_for["client_id"] == EHR_CLIENT
    assert asked_for["launch"] == "xyz+/=123"
    assert asked_for["aud"] == f"{home.ehr.issuer}/fhir"
    assert asked_for["scope"] == "launch openid fhirUser"
    assert asked_for["redirect_uri"] == f"{home.address}/auth/callback/clinic"


@pytest.mark.parametrize("stranger", ["bea", "cat"])
def test_no_page_is_open_about_another_patient(home: House, browser: Browser, stranger: str) -> None:
    """Of the same tenant or of another, on every page there is."""
    browser.launch("amy")
    fields = {"token": browser.token("/worklist/patient/amy"), "note": "x", "stage": "review"}
    before = home.matters()
    for method, path in RIGHTS:
        if path in ("/", "/worklist"):
            continue
        more = {"data": fields} if method == "POST" else {}
        status, said = asked(browser, method, filled(path, home, stranger), **more)
        assert status in (403, 404), (method, path)
        assert f"{CANARY}-{stranger}" not in said
        assert status == 404 or "{task}" not in path
    assert home.matters() == before


@pytest.mark.parametrize(
    "path",
    [
        "/worklist/patient/amy/../bea",
        "/worklist/patient/bea%2F..%2Famy",
        "/worklist/patient/amy%2f",
        "/worklist/patient/AMY",
        "/worklist//patient/bea",
        "/worklist/referral/",
        "/worklist/record/Patient/bea/_history/1",
        "/worklist/record/Patient/amy/_history/2",
        "/worklist/record/PlanDefinition/spine-conservative-care",
        "/worklist/record/Patient/amy%2F..%2Fbea",
        "/worklist/list/review?identifier=amy",
    ],
)
def test_no_spelling_leads_around_that(home: House, browser: Browser, path: str) -> None:
    browser.launch("amy")
    browser.http.follow_redirects = True

    shown = browser.http.get(path)

    assert shown.status_code in (403, 404), shown.url
    assert f"{CANARY}-bea" not in shown.text


def test_another_launch_is_another_session(browser: Browser) -> None:
    browser.launch("amy")
    first = browser.session
    browser.launch("bea")

    assert browser.session != first
    assert browser.get("/worklist/patient/bea").status_code == 200
    assert browser.get("/worklist/patient/amy").status_code == 403
    browser.plant("session", first or "")
    assert browser.get("/worklist/patient/amy").status_code == 401


@pytest.mark.parametrize(
    ("claims", "patient", "said"),
    [
        ({"fhirUser": "Patient/amy"}, "amy", "as which practitioner"),
        ({"fhirUser": "https://ehr.example/fhir/RelatedPerson/7"}, "amy", "as which practitioner"),
        ({"fhirUser": "doctor"}, "amy", "as which practitioner"),
        ({}, "amy", "as which practitioner"),
        ({"fhirUser": "Practitioner/7"}, None, "which patient"),
        ({"fhirUser": "Practitioner/7"}, "", "which patient"),
        ({"fhirUser": "Practitioner/7"}, "amy/../bea", "which patient"),
        ({"fhirUser": "Practitioner/7"}, ["amy", "bea"], "which patient"),
    ],
)
def test_a_launch_needs_a_practitioner_and_a_patient(
    home: House, browser: Browser, claims: Json, patient: Any, said: str
) -> None:
    home.ehr.people["doctor"], known = {"sub": "u-7", **claims}, home.ehr.people["doctor"]

    page = browser.launch(patient)

    home.ehr.people["doctor"] = known
    assert page.status_code == 403 and said in page.text.replace("&#39;", "'")
    assert browser.session is None


@pytest.mark.parametrize(
    "more",
    [
        {"iss": "https://evil.example/fhir"},
        {"iss": ""},
        {"iss": "https://ehr.example/fhir@evil.example"},
        {"launch": ""},
        {"launch": "x\r\ny"},
        {"launch": "x" * 5000},
    ],
)
def test_only_ehrs_that_are_known_launch(home: House, browser: Browser, more: dict[str, str]) -> None:
    page = browser.launch("amy", **more)

    assert page.status_code == 403
    assert "evil" not in page.text and "location" not in page.headers


@pytest.mark.parametrize(
    "name", ["alg none", "a stranger's key", "aud of another client", "nonce missing", "no token"]
)
def test_an_ehrs_token_is_held_to_the_same(home: House, browser: Browser, name: str) -> None:
    answer = browser.http.get("/auth/launch", params={"iss": f"{home.ehr.issuer}/fhir", "launch": "x"})
    home.ehr.lies = Lies(token=LIES[name], answer={"patient": "amy"})

    assert browser.get(browser.consent(answer.headers["location"], "doctor")).status_code == 400
    assert browser.session is None


def test_an_ehr_speaks_for_its_own_users_alone(home: House, browser: Browser) -> None:
    """Its answer is not taken where the site's provider was asked, nor the other way round."""
    to_site = browser.begin()
    home.ehr.lies = Lies(answer={"patient": "amy"})
    state = parse_qs(urlsplit(to_site).query)["state"][0]
    code = "a-code-of-the-ehr"
    for path in ("/auth/callback", "/auth/callback/clinic"):
        answer = browser.get(f"{path}?code={code}&state={state}&iss={home.ehr.issuer}")
        assert answer.status_code == 400
    assert browser.session is None
