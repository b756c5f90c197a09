"""Acting on orders on their way: by hand, sent and failed, what the clinic says, until the loop is closed."""

from collections.abc import Iterator

import pytest

from referral_service.clinic.chart import build
from tests.api.people import EXHAUSTED, UNCLEAR, House
from tests.worklist.browsing import Coordinator, Page
from tests.worklist.orders import TWICE, Faults, Sending, approved, sending
from tests.worklist.people import named
from tests.worklist.test_acting import show


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sending]:
    """A service whose orders go to an EHR."""
    with sending(tmp_path_factory.mktemp("sending")) as made:
        yield made


@pytest.fixture
def clerk(post: Sending) -> Iterator[Coordinator]:
    """A coordinator of that service."""
    with Coordinator(post.house.server.address, "nora") as found:
        yield found


WORSE = {"score": "97909-6", "value": 58, "unit": "%", "on": -1, "id": "worse"}


def row(who: Coordinator, name: str, stage: str) -> list[str]:
    """The cells of somebody's row on a list."""
    page = who.look_for(stage, name[::-1].replace(" ", "-"))
    return page.tables[-1][1]


def tell(who: Coordinator, what: str, **filled: str) -> Page:
    """The form of what the clinic says."""
    action, fields = next(
        one for one in who.page.forms if one[0].endswith("/told") and one[1].get("what") == what
    )
    return who.send(action, fields | filled)


def fulfill(house: House, patient: str) -> dict[str, object]:
    """The Task to fulfil the order."""
    return [one for one in house.ours(patient, "Task") if one["code"]["coding"][0]["code"] == "fulfill"][-1]


def test_an_order_is_printed_entered_by_hand_and_followed_until_the_loop_is_closed(
    house: House, nora: Coordinator
) -> None:
    patient = approved(house, "Ann Larch")
    show(nora, "Ann Larch", "ready")
    assert "printed and entered by hand" in nora.page.text
    nora.do("print")
    assert nora.page.address.endswith("/letter")
    show(nora, "Ann Larch", "ready")
    assert "nora printed the letter" in nora.page.text
    assert "Undo the approval" not in nora.page.text, "somebody may have it"
    nora.do("entered")
    assert fulfill(house, patient)["status"] == "requested"
    assert fulfill(house, patient)["requester"] == {"reference": "Practitioner/nurse-7"}

    tell(show_on(nora, "Ann Larch", "acceptance"), "accepted")
    tell(show_on(nora, "Ann Larch", "booking"), "booked", on="2026-12-08")
    assert "Appointment 2026-12-08" in nora.page.text
    tell(show_on(nora, "Ann Larch", "report"), "no-show")
    tell(show_on(nora, "Ann Larch", "missed"), "booked", on="2026-12-15")
    tell(show_on(nora, "Ann Larch", "report"), "seen")
    tell(show_on(nora, "Ann Larch", "report"), "report", text="No surgery is advised.")

    assert house.statuses(patient)["order"] == "completed"
    text = show(nora, "Ann Larch", "closed").text
    assert "Report: No surgery is advised." in text
    for step in ("entered the order by hand", "recorded: did not come", "recorded: report received"):
        assert f"nora {step}" in text


def entered_by_hand(house: House, who: Coordinator, name: str) -> str:
    """The patient of a new order that is printed and entered at the clinic."""
    patient = approved(house, name)
    for verb in ("print", "entered"):
        show(who, name, "ready")
        who.do(verb)
    return patient


def test_what_a_clinic_writes_in_words_is_read(house: House, nora: Coordinator) -> None:
    patient = entered_by_hand(house, nora, "Tess Larch")
    said = {
        "status": "in-progress",
        "output": [{"type": {"text": "report"}, "valueString": "No surgery <b>is advised."}],
        "note": [{"authorReference": {"display": "Dr Yew"}, "text": "Seen today"}],
    }
    assert house.server.put({**fulfill(house, patient), **said}).is_success

    text = show(nora, "Tess Larch", "booking").text

    assert "Report: No surgery <b>is advised." in text and "Dr Yew wrote" in text


def test_a_report_is_a_link_where_the_service_holds_it_itself(house: House, nora: Coordinator) -> None:
    patient = entered_by_hand(house, nora, "Rut Larch")
    report = {
        "resourceType": "DiagnosticReport",
        "id": f"{patient}-seen",
        "status": "final",
        "code": {"text": "Consultation"},
        "subject": {"reference": f"Patient/{patient}"},
    }
    assert house.server.put(report).is_success
    here, elsewhere = f"DiagnosticReport/{patient}-seen", "DiagnosticReport/only-there"
    outputs = [{"type": {"text": "report"}, "valueReference": {"reference": it}} for it in (here, elsewhere)]
    said = {"status": "in-progress", "output": outputs}
    assert house.server.put({**fulfill(house, patient), **said}).is_success

    page = show(nora, "Rut Larch", "booking")

    assert (f"/fhir/{here}", here) in page.links
    assert f"Report: {elsewhere}, at the EHR" in page.text
    assert not [address for address, _ in page.links if elsewhere in address]


def show_on(who: Coordinator, name: str, stage: str) -> Coordinator:
    show(who, name, stage)
    return who


def test_what_the_clinic_refuses_comes_back_as_a_review_that_leads_to_the_order(
    house: House, nora: Coordinator
) -> None:
    patient = approved(house, "Bea Larch")
    show(nora, "Bea Larch", "ready")
    nora.do("entered")
    tell(nora, "refused", text="No capacity")
    assert fulfill(house, patient)["statusReason"] == {"text": "No capacity"}
    show(nora, "Bea Larch", "information")
    assert "The clinic has given the order back" in nora.page.text
    nora.see(next(address for address, words in nora.page.links if words == "The order"))
    nora.do("close")
    assert nora.page.status == 422 and "Choose why you close it." in nora.page.text
    nora.do("close", reason="no-capacity", note="Nobody in the county takes it")

    assert house.statuses(patient)["order"] == "revoked"
    assert "Stands closed administratively" in nora.page.text and "No clinic takes it" in nora.page.text
    assert "nora closed it administratively" in nora.page.text


@pytest.mark.parametrize(
    ("what", "filled", "said"),
    [
        ("booked", {"on": "8 December"}, "Write the day as year-month-day"),
        ("booked", {"on": "20261208"}, "Write the day as year-month-day"),
        ("report", {}, "Say where the report is"),
        ("report", {"reference": "the fax"}, "Write it as Type/id"),
        ("report", {"text": "x" * 20_001}, "Write at most 20000 characters"),
        ("better", {}, "Choose what the clinic says"),
    ],
)
def test_a_form_that_says_too_little_is_shown_again(
    post: Sending, clerk: Coordinator, what: str, filled: dict[str, str], said: str
) -> None:
    if not post.ehr.stored("ServiceRequest"):
        post.approved("Cid Larch")
        post.deliver()
    show(clerk, "Cid Larch", "acceptance")
    action, fields = next(one for one in clerk.page.forms if one[0].endswith("/told"))
    clerk.send(action, fields | {"what": what} | filled)

    assert clerk.page.status == 422
    assert "This was not done" in clerk.page.text and said in clerk.page.text
    assert 'aria-invalid="true"' in clerk.page.html or what == "better"


def test_another_appointment_needs_its_day(house: House, nora: Coordinator) -> None:
    approved(house, "Eve Larch")
    show(nora, "Eve Larch", "ready")
    nora.do("entered")
    tell(nora, "booked", on="2026-12-08")
    tell(nora, "booked")
    assert nora.page.status == 422 and "Write the new day" in nora.page.text


def test_what_failed_says_why_and_is_sent_again(post: Sending, clerk: Coordinator) -> None:
    post.ehr.faults = TWICE
    patient = post.approved("Dora Larch")
    assert post.deliver() == ["doubled"]
    post.ehr.faults = Faults()
    (table,) = clerk.see("/worklist/list/failed").tables
    assert "The other side has the order twice" in table[1][3]
    assert "cannot be sent" in table[1][2]
    show(clerk, "Dora Larch", "failed")
    assert {"send-again", "print", "entered"} <= clerk.page.verbs()

    first, *_ = [
        one for one in post.ehr.stored("ServiceRequest") if one["subject"]["reference"].endswith(patient)
    ]
    post.ehr.remove("ServiceRequest", str(first["id"]))
    task, *_ = [one for one in post.ehr.stored("Task") if one["for"]["reference"].endswith(patient)]
    post.ehr.remove("Task", str(task["id"]))
    clerk.do("send-again")

    assert "nora had the order sent again" in clerk.page.text
    show(clerk, "Dora Larch", "ready")
    assert post.deliver() == ["arrived"]
    assert "Sent" in show(clerk, "Dora Larch", "acceptance").text
    assert "The service sent the order" in clerk.page.text


def test_what_is_out_is_not_withdrawn_in_silence(house: House, nora: Coordinator) -> None:
    patient = approved(house, "Finn Larch")
    show(nora, "Finn Larch", "ready")
    nora.do("print")
    show(nora, "Finn Larch", "ready")
    assert "Withdraw, and call the clinic" in nora.page.text
    nora.do("withdraw")

    assert house.statuses(patient) == {
        "proposal": "revoked",
        "order": "active",
        "approve": "cancelled",
        "fulfill": "cancelled",
        "review": "requested",
    }
    show(nora, "Finn Larch", "information")
    assert "The order was withdrawn after it may have been sent" in nora.page.text


def test_a_sender_who_was_faster_is_a_conflict(post: Sending, clerk: Coordinator) -> None:
    patient = post.approved("Gus Larch")
    show(clerk, "Gus Larch", "ready")
    assert "Undo the approval" in clerk.page.text
    assert post.deliver() == ["arrived"]
    clerk.do("withdraw")

    assert clerk.page.status == 409
    assert "changed this referral while you looked at it" in clerk.page.text
    assert "sent, not accepted yet" in clerk.page.text
    assert post.house.statuses(patient)["order"] == "active"


def test_people_ask_and_comment_and_nothing_is_lost_by_another_decision(
    house: House, nora: Coordinator
) -> None:
    patient = named(house, "Hal Larch", *UNCLEAR)
    show(nora, "Hal Larch", "information")
    nora.do("ask")
    assert nora.page.status == 422
    nora.do("ask", note="Was there an MRI elsewhere?")
    assert "Stands waits for information" in nora.page.text
    assert "waits for information" in row(nora, "Hal Larch", "information")[5]
    show(nora, "Hal Larch", "information")
    nora.do("comment", note="Called twice.")
    today = house.server.service.clock.as_of().date()
    house.server.put(build({"id": patient, "given": [WORSE]}, today)[-1])
    house.judge()
    assert "ODI 48 → 58" in row(nora, "Hal Larch", "information")[3]
    text = show(nora, "Hal Larch", "information").text
    assert "Was there an MRI elsewhere?" in text and "Called twice." in text
    nora.do("informed", note="None was made.")

    assert "Stands waits" in nora.page.text and "waits for information" not in nora.page.text
    assert "nora has the information that was asked for" in nora.page.text
    nora.do("complete")
    nora.do("comment", note="Sent the films along.")
    assert "Sent the films along." in nora.page.text


def test_nothing_is_told_of_what_nobody_has(house: House, nora: Coordinator) -> None:
    named(house, "Ida Larch", *EXHAUSTED)
    show(nora, "Ida Larch", "review")
    action, fields = nora.page.form("approve")
    for name in ("told", "entered", "print", "send-again"):
        page = nora.send(action.replace("approve", name), fields | {"what": "accepted"})
        assert page.status == 409, name
    assert nora.send(action.replace("approve", "close"), fields | {"reason": "moved"}).status == 409
