"""Measures: referrals whose steps are known to the hour, and what the page makes of them."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import select, update

from referral_service.store.engine import writing
from referral_service.store.results import keep
from referral_service.store.tables import referral
from referral_service.workflow.ports import DEFAULT_TENANT, PatientId
from tests.api.people import CAUDA, EXHAUSTED, House
from tests.kit.writes import proposal
from tests.worklist.browsing import Coordinator
from tests.worklist.orders import approved
from tests.worklist.people import named
from tests.worklist.test_acting import show
from tests.worklist.test_orders import tell


@pytest.fixture(scope="module")
def measured(house: House) -> House:
    """Four referrals: one declined, one approved, one accepted, one whose loop is closed."""
    with Coordinator(house.server.address, "nora") as nora:
        named(house, "Abe Quill", *EXHAUSTED)
        show(nora, "Abe Quill", "review")
        nora.do("decline", reason="more-care")
        for name in ("Bo Quill", "Cy Quill", "Di Quill"):
            approved(house, name)
        for name in ("Cy Quill", "Di Quill"):
            show(nora, name, "ready")
            nora.do("entered")
            tell(nora, "accepted")
        tell(nora, "booked", on="2026-03-31")
        tell(nora, "seen")
        tell(nora, "report", text="Advice")
    return house


def table(who: Coordinator, title: str, year: int | None = None) -> list[list[str]]:
    """The rows of a measure's table."""
    asked = f"?year={year}" if year else ""
    text = who.http.get(f"/worklist/measures/file.csv{asked}").text
    return [row[1:] for row in csv.reader(io.StringIO(text)) if row[0] == title]


def test_every_chart_has_a_table_that_says_the_same(measured: House, nora: Coordinator) -> None:
    page = nora.see("/worklist/measures")
    assert page.html.count('<svg class="chart"') == len(page.tables) >= 3
    assert page.html.count("<title id=") == page.html.count("<desc id=") == len(page.tables)
    stands = {row[0]: row[1].split()[0] for row in page.tables[0][1:]}
    assert (stands["Ready to send"], stands["Not yet booked"], stands["Closed"]) == ("1", "1", "2")
    assert "Ready to send: 1" in page.html


def test_steps_declines_and_the_year(measured: House, nora: Coordinator) -> None:
    steps = {row[0]: row[1:] for row in table(nora, "How long each step takes")}
    assert {name: row[0] for name, row in steps.items()} == {
        "Drafted to reviewed": "4",
        "Approved to sent": "2",
        "Sent to accepted": "2",
        "Accepted to visit": "1",
        "Visit to report": "1",
    }
    assert steps["Approved to sent"][3] == "60 min" and steps["Sent to accepted"][3] == "7 days"
    assert table(nora, "Why reviewers declined") == [["More conservative care first", "1"]]
    assert nora.see("/worklist/measures?year=2001").text.count("There is nothing to show yet.") == 4
    for year in ("x", "99", "20260", "-001"):
        assert nora.http.get(f"/worklist/measures?year={year}").status_code == 400


def test_a_step_is_dated_by_the_version_that_says_it_first(measured: House) -> None:
    with measured.server.service.store.engine.connect() as connection:
        rows = connection.execute(select(referral)).all()
    (closed,) = [one for one in rows if one.reported_at]

    assert closed.visited_at == datetime(2026, 3, 31, tzinfo=UTC), "the appointment's day"
    steps = (closed.drafted_at, closed.reviewed_at, closed.approved_at, closed.sent_at, closed.accepted_at)
    assert all(steps) and list(steps) == sorted(steps)
    assert [one.declined_for for one in rows if one.declined_for] == ["more-care"]


def insert(house: House, *found: tuple[str, datetime, datetime, datetime | None]) -> None:
    """Referrals of patients, drafted, sent and reported on."""
    with writing(house.server.service.store.engine) as connection:
        for patient, drafted, sent, reported in found:
            name = f"{patient} {sent}"
            one = replace(proposal(1, status="completed"), id=name, task=name, identifier=name)
            keep(connection, [(DEFAULT_TENANT, PatientId(patient), one)])
            steps = {"drafted_at": drafted, "approved_at": drafted, "sent_at": sent, "reported_at": reported}
            connection.execute(update(referral).where(referral.c.task == name).values(steps))


def test_the_loop_is_closed_as_cms50_counts_it(house: House) -> None:
    def on(month: int, day: int, year: int = 2019) -> datetime:
        return datetime(year, month, day, tzinfo=UTC)

    drafted = on(1, 1, 1999)
    insert(
        house,
        ("closed", drafted, on(1, 1), on(12, 31)),
        ("late report", drafted, on(10, 31), on(1, 1, 2020)),
        ("first open, second closed", drafted, on(3, 1), None),
        ("first open, second closed", drafted, on(4, 1), on(5, 1)),
        ("too late in the year", drafted, on(11, 1), on(12, 1)),
        ("the year before", drafted, on(12, 31, 2018), on(2, 1)),
    )
    with Coordinator(house.server.address) as nora:
        assert table(nora, "Loop closed (CMS50)", 2019) == [["3", "1", "33%"]]
        assert "CMS50v14" in nora.see("/worklist/measures?year=2019").text


@pytest.mark.parametrize(
    ("days", "median", "ninth"),
    [([5], "5", "5"), ([9, 2], "6", "9"), ([*range(3, 13)], "8", "11"), ([*range(3, 14)], "8", "12")],
)
def test_the_median_and_what_nine_of_ten_do_not_exceed(
    house: House, days: list[int], median: str, ninth: str
) -> None:
    year = 2000 + len(days)
    drafted = datetime(year, 1, 1, tzinfo=UTC)
    insert(house, *((f"{days}", drafted, drafted + timedelta(days=it), None) for it in days))
    with Coordinator(house.server.address) as nora:
        (row,) = [it for it in table(nora, "How long each step takes", year) if it[0] == "Approved to sent"]
    assert row[1:4] == [str(len(days)), f"{median} days", f"{ninth} days"]


def test_an_operation_after_the_visit_is_yield(house: House, nora: Coordinator) -> None:
    """Given a surgical referral with a report, when the EHR sends an operation, then it is counted."""
    patient = named(house, "Ed Quill", CAUDA)
    (proposal,) = house.ours(patient, "ServiceRequest")
    assert house.say("approve", proposal).is_success
    show(nora, "Ed Quill", "ready")
    nora.do("entered")
    tell(nora, "seen")
    tell(nora, "report", reference="DiagnosticReport/r1")
    assert table(nora, "Surgical yield") == [["1", "0", "0%"]]

    operation = {
        "resourceType": "Procedure",
        "id": f"{patient}-operation",
        "status": "completed",
        "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "63030"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "performedDateTime": house.server.service.clock.as_of().date().isoformat(),
    }
    assert house.server.put(operation).is_success
    assert table(nora, "Surgical yield") == [["1", "1", "100%"]]
