"""The lists: what stands where, in which order, filtered, paged, as CSV."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from referral_service.api.worklist.lists import line
from referral_service.core.referral import Referral
from referral_service.store.engine import writing
from referral_service.store.results import keep
from referral_service.store.worklist import MOST_FLAGS
from referral_service.workflow.ports import DEFAULT_TENANT, PatientId
from tests.api.people import CAUDA, EXHAUSTED, UNCLEAR, House
from tests.worklist.browsing import Coordinator
from tests.worklist.people import named

START = datetime(2026, 6, 1, tzinfo=UTC)


def test_what_waits_stands_on_the_list_that_says_what_to_do(house: House, nora: Coordinator) -> None:
    named(house, "Nora Elm", *EXHAUSTED)
    named(house, "Ruth Alder", *EXHAUSTED, CAUDA)
    named(house, "Carl Birch", *UNCLEAR)

    for stage, who, asks_for in (
        ("red-flag", "Ruth Alder", "Surgical consultation lumbar"),
        ("review", "Nora Elm", "Intradiscal evaluation lumbar"),
        ("information", "Carl Birch", "Review lumbar"),
    ):
        (table,) = nora.see(f"/worklist/list/{stage}").tables
        row = next(row for row in table if row[1].startswith(who))
        assert row[2] == asks_for
    assert "trial " in row[3] and "ODI 48 → 46" in row[3]
    assert "Missing: a lumbar MRI" in row[3]
    assert row[1] == "Carl Birch 1979-04-02 · hcriB-lraC"


def test_the_first_page_is_the_gravest_list_and_red_flags_are_on_every_list(
    house: House, nora: Coordinator
) -> None:
    named(house, "Vera Linden", CAUDA)
    assert "Vera Linden" in nora.see("/worklist").text
    assert nora.page.html.count("<h1>Red flags now</h1>") == 1
    for stage in ("review", "information", "ready", "closed"):
        page = nora.see(f"/worklist/list/{stage}?region=cervical&overdue=1")
        assert "Vera Linden" in page.text, "never hidden by a filter"


def test_many_acknowledged_red_flags_hide_none_that_waits(house: House, nora: Coordinator) -> None:
    named(house, "Wim Yew", CAUDA)
    fill(house, MOST_FLAGS + 2, "seen", urgency="urgent", acknowledged_by="Practitioner/omar")

    page = nora.see("/worklist/list/closed")

    assert "Wim Yew" in page.text and page.html.count('<li><span class="priority') == MOST_FLAGS
    assert ("/worklist/list/red-flag", "All red flags") in page.links


def test_filters_show_what_they_say(house: House, nora: Coordinator) -> None:
    named(house, "Mia Oak", *EXHAUSTED)
    nora.look_for("review", "kaO-aiM")
    assert [row[1].partition(" 1979")[0] for row in nora.page.tables[-1][1:]] == ["Mia Oak"]
    assert nora.look_for("review", "urn:example:mrn|kaO-aiM").tables
    assert not nora.look_for("review", "urn:other|kaO-aiM").tables
    assert not nora.look_for("review", "kaO-aiM", target="surgical").tables
    assert not nora.look_for("review", "kaO-aiM", overdue="1").tables
    assert not nora.look_for("review", "kaO-aiM", owner="me").tables

    nora.look_for("review", "kaO-aiM")
    nora.open("Mia Oak")
    nora.do("claim")

    assert nora.look_for("review", "kaO-aiM", owner="me").tables
    assert not nora.look_for("review", "kaO-aiM", owner="nobody").tables


@pytest.mark.parametrize("value", ["a|b", "|b", "a|", "back\\slash & 50%'", "x" * 1200])
def test_a_number_is_found_whatever_marks_it_has(house: House, nora: Coordinator, value: str) -> None:
    patient = named(house, "Odd Number", *EXHAUSTED)
    (entry,) = house.server.search("Patient", _id=patient)["entry"]
    number = {"system": "urn:s", "value": value}
    assert house.server.put({**entry["resource"], "identifier": [number]}).is_success

    for asked in (value, f"urn:s|{value}"):
        assert nora.look_for("review", asked).tables


def test_a_number_leads_to_its_patient_from_every_list(house: House, nora: Coordinator) -> None:
    patient = named(house, "Vic Osier", *EXHAUSTED)
    other = named(house, "Vico Osier")
    (entry,) = house.server.search("Patient", _id=other)["entry"]
    link = {"other": {"reference": f"Patient/{patient}"}, "type": "seealso"}
    assert house.server.put({**entry["resource"], "link": [link]}).is_success

    assert nora.look_for("review", "reisO-ociV").tables, "whoever is the same person"
    assert not nora.look_for("closed", "reisO-ciV").tables
    assert nora.open("Vic Osier").address.endswith(f"/worklist/patient/{patient}")


@pytest.mark.parametrize("filters", ["target=%00", "region=%00"])
def test_filters_that_nothing_can_match(nora: Coordinator, filters: str) -> None:
    assert "Nothing matches these filters." in nora.see(f"/worklist/list/review?{filters}").text
    assert len(nora.http.get(f"/worklist/list/review/file.csv?{filters}").text.splitlines()) == 1


@pytest.mark.parametrize("identifier", ["a\0", "\ufffd", "a\ud7ff\uffff"])
def test_identifiers_that_nobody_has(nora: Coordinator, identifier: str) -> None:
    assert "Nothing matches these filters." in nora.look_for("review", identifier).text
    fields = {"token": nora.http.cookies["worklist-token"], "identifier": identifier}
    answer = nora.http.post("/worklist/list/review/file.csv", data=fields)
    assert answer.status_code == 200 and len(answer.text.splitlines()) == 1


def test_no_address_ever_holds_the_identifier_of_a_patient(house: House, nora: Coordinator) -> None:
    named(house, "Ada Yarrow", *EXHAUSTED)
    nora.look_for("review", "worraY-adA", target="intradiscal", region="lumbar")

    assert "Ada Yarrow" in nora.page.text and 'value="worraY-adA"' in nora.page.html
    assert nora.page.address.endswith("/worklist/list/review")
    assert not [address for address, _ in nora.page.links if "worraY" in address or "identifier" in address]
    assert not [action for action, _ in nora.page.forms if "worraY" in action]
    assert 'method="get"' not in nora.page.html

    action, fields = next(one for one in nora.page.forms if one[0].endswith("/file.csv"))
    lines = list(csv.DictReader(io.StringIO(nora.http.post(action, data=fields).text)))
    assert [line["patient"] for line in lines] == ["Ada Yarrow"]


@pytest.mark.parametrize("path", ["", "/file.csv"])
def test_an_address_with_the_identifier_of_a_patient_is_refused(nora: Coordinator, path: str) -> None:
    nora.http.headers["accept"] = "text/html"
    page = nora.see(f"/worklist/list/review{path}?identifier=worraY-adA&region=lumbar")

    assert page.status == 400 and "No address holds a patient's identifier" in page.text
    assert "worraY" not in page.html


@pytest.mark.parametrize("path", ["", "/file.csv"])
def test_nobody_is_looked_for_by_a_forged_form(nora: Coordinator, path: str) -> None:
    for token in ("", "forged"):
        fields = {"token": token, "identifier": "worraY-adA"}
        assert nora.http.post(f"/worklist/list/review{path}", data=fields).status_code == 403


def test_filters_without_an_identifier_stand_in_the_address(nora: Coordinator) -> None:
    nora.look_for("review", " ", region="lumbar", overdue="1", target="")

    assert nora.page.address.endswith("/worklist/list/review?region=lumbar&overdue=1")
    assert nora.page.html.count(" selected") == 1 and 'value="1" checked' in nora.page.html


def test_page_after_page_of_one_patient_holds_no_identifier_in_its_address(
    house: House, nora: Coordinator
) -> None:
    patient = named(house, "Ivo Hemlock")
    fill(house, 60, "ivo", patient=patient, status="revoked", task_status="cancelled")
    nora.look_for("closed", "kcolmeH-ovI", region="thoracic")
    seen = []
    while True:
        seen += [address for address, _ in nora.page.links if "/referral/ivo-" in address]
        following = [fields for _, fields in nora.page.forms if "after" in fields]
        if not following:
            break
        nora.send("/worklist/list/closed", following[0])
        assert nora.page.address.endswith("/worklist/list/closed")

    assert seen == [f"/worklist/referral/ivo-{index:06}" for index in reversed(range(60))]
    assert "First page" in nora.page.html
    back = next(
        fields for action, fields in nora.page.forms if action == "/worklist/list/closed" and len(fields) == 3
    )
    assert "ivo-000059" in nora.send("/worklist/list/closed", back).html


def fill(house: House, number: int, name: str = "many", patient: str = "", **more: Any) -> None:
    """Many proposals, each due an hour after the one before; of one patient, or each of another."""
    rows = []
    for index in range(number):
        one = Referral(
            id=f"{name}-request-{index:06}", identifier=f"{name}-{index:06}", episode="e", region="thoracic",
            target="surgical", urgency="elective", generation=1, status="draft", task=f"{name}-{index:06}",
            task_status="requested", decision="1", due_at=START + timedelta(hours=index), authored_at=START,
        )  # fmt: skip
        rows.append((DEFAULT_TENANT, PatientId(patient or f"{name}-{index:06}"), replace(one, **more)))
    with writing(house.server.service.store.engine) as connection:
        keep(connection, rows)


def test_page_after_page_shows_everybody_once_in_the_order_of_their_due_times(
    house: House, nora: Coordinator
) -> None:
    fill(house, 60)
    nora.see("/worklist/list/review?region=thoracic")
    seen = []
    while True:
        (table,) = nora.page.tables
        seen += [row[1].split()[0] for row in table[1:]]
        following = [address for address, words in nora.page.links if words == "Next page"]
        if not following:
            break
        nora.see(following[0])

    assert seen == [f"Patient/many-{index:06}" for index in range(60)]


def test_a_list_as_a_file_is_whole_and_runs_no_formula(house: House, nora: Coordinator) -> None:
    fill(house, 60)
    named(house, "=HYPERLINK(0) Evil", *EXHAUSTED)
    answer = nora.http.get("/worklist/list/review/file.csv")
    lines = list(csv.DictReader(io.StringIO(answer.text)))

    assert answer.headers["content-disposition"] == 'attachment; filename="review.csv"'
    assert sum(line["patient"].startswith("Patient/many-") for line in lines) == 60
    assert [line["patient"] for line in lines if "HYPERLINK" in line["patient"]] == ["'=HYPERLINK(0) Evil"]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("  @SUM(A1)", "'@SUM(A1)"),
        ("Elm;=1+1", "Elm;'=1+1"),
        ("Elm\r\n-1+1", "Elm -1+1"),
        ("Elm\t+1", "Elm +1"),
        ("Elm-Ash; +49", "Elm-Ash;' +49"),
    ],
)
def test_no_part_of_a_cell_is_a_formula_wherever_lines_are_cut(cell: str, written: str) -> None:
    assert next(csv.reader(io.StringIO(line([cell])))) == [written]


@pytest.mark.parametrize(
    "address", ["/worklist/list/nothing", "/worklist/referral/none", "/worklist/patient/x"]
)
def test_what_is_not_there_is_not_found(nora: Coordinator, address: str) -> None:
    assert nora.http.get(address).status_code == 404


@pytest.mark.parametrize(
    ("address", "status", "says"),
    [
        ("/worklist/referral/none", 404, "There is no such referral."),
        ("/worklist/referrals", 404, "There is no such page."),
        ("/worklist/list/review?after=x", 400, "after: not a place in a list."),
        ("/worklist/measures?year=9999", 400, "year: not a year."),
    ],
)
def test_a_browser_is_told_on_a_page(nora: Coordinator, address: str, status: int, says: str) -> None:
    nora.http.headers["accept"] = "text/html,application/xhtml+xml,*/*;q=0.8"

    page = nora.see(address)

    assert page.status == status and says in page.text and ("/worklist", "All lists") in page.links
    assert (
        page.headers["cache-control"] == "no-store"
        and "default-src" in page.headers["content-security-policy"]
    )


@pytest.mark.parametrize("after", ["x", "-", "1", "99999999999999999999-a", "-5-a", "1-%00"])
def test_a_forged_place_is_refused(nora: Coordinator, after: str) -> None:
    assert nora.http.get(f"/worklist/list/review?after={after}").status_code in (200, 400)


def test_pages_say_that_nothing_may_keep_or_frame_them(nora: Coordinator) -> None:
    answer: httpx.Response = nora.http.get("/worklist/list/review")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    for asset in (words for words in answer.text.split('"') if words.startswith("/worklist/static/")):
        kept = nora.http.get(asset)
        assert kept.status_code == 200 and "immutable" in kept.headers["cache-control"]
    assert nora.http.get("/worklist/static/x/other.css").status_code == 404


def test_a_given_name_that_is_only_an_extension_is_passed_by(house: House, nora: Coordinator) -> None:
    patient = named(house, "Peter Ash", *EXHAUSTED)
    unknown = {"extension": [{"url": "urn:example:why", "valueCode": "masked"}]}
    (entry,) = house.server.search("Patient", _id=patient)["entry"]
    name = {"given": ["Peter", None], "_given": [None, unknown], "family": "Ash"}

    assert house.server.put({**entry["resource"], "name": [name]}).is_success

    assert "Peter Ash 1979-04-02" in nora.look_for("review", "hsA-reteP").text
