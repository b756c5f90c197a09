"""The letter: what it says, who may print it and when, and the PDF with the names that people have."""

from collections.abc import Iterator
from io import BytesIO

import pypdf
import pytest

from referral_service.api.worklist.letter_pdf import can_show
from referral_service.wiring import build_assessor
from tests.api.people import EXHAUSTED, House
from tests.kit.server import running
from tests.worklist.browsing import Coordinator
from tests.worklist.orders import approved
from tests.worklist.people import named
from tests.worklist.test_acting import show

CAVEAT = "the sealant is approved as a sealant; a clinical evaluation is the only way to know"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """On SQLite alone: nothing here is a question to the database."""
    with running(tmp_path_factory.mktemp("house")) as served:
        yield House(served, build_assessor(served.service.settings, served.service.store))


def printed(who: Coordinator, name: str) -> str:
    """The address of the letter, once it was asked for."""
    show(who, name, "ready")
    who.do("print")
    assert who.page.status == 200
    return who.page.address


def pdf(who: Coordinator, address: str) -> tuple[bytes, str]:
    """The file, and what can be read in it."""
    answer = who.http.get(f"{address}.pdf")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    pages = pypdf.PdfReader(BytesIO(answer.content)).pages
    return answer.content, " ".join(" ".join(page.extract_text() for page in pages).split())


def test_it_says_what_is_asked_and_what_that_rests_on(house: House, nora: Coordinator) -> None:
    patient = approved(house, "Ada Wren")
    address = printed(nora, "Ada Wren")
    text = nora.page.text
    _, in_file = pdf(nora, address)
    (order,) = [one for one in house.ours(patient, "ServiceRequest") if one["intent"] == "order"]

    for said in (text, in_file):
        assert "Evaluation for intradiscal treatment" in said
        assert "Ada Wren" in said and "1979-04-02" in said and "nerW-adA" in said
        assert order["identifier"][0]["value"] in said
        assert CAVEAT in said and "Proposed from recorded data by a computer; a clinician decides." in said
        assert "Trial of 183 covered days" in said
        assert "The trial has lasted its maximum Met 183 days 180 days" in said
        assert "M51.360" in said and "by nurse-7 on " in said and "none recorded" in said


def test_control_characters_of_an_old_system_spoil_nothing(house: House, nora: Coordinator) -> None:
    patient = approved(house, "Enid Wren")
    address = show(nora, "Enid Wren", "ready").address
    known = house.server.http.get(f"/Patient/{patient}").json()
    name = [{"use": "official", "given": ["Enid\u0001"], "family": "Wren\u001b[1m\u001f"}]
    house.server.put({**known, "name": name}).raise_for_status()
    nora.see(address)
    nora.do("print")
    assert "Enid" in nora.page.text
    assert "Wren" in pdf(nora, nora.page.address)[1]


def test_a_red_flag_is_named_though_it_was_sent_without_a_word(house: House, nora: Coordinator) -> None:
    patient = named(house, "Dora Wren", {"condition": "G83.4", "onset": -3})
    (proposal,) = house.ours(patient, "ServiceRequest")
    house.say("approve", proposal)
    address = printed(nora, "Dora Wren")
    for said in (nora.page.text, pdf(nora, address)[1]):
        assert "Cauda equina syndrome (G83.4)" in said


def test_the_coverage_is_named_and_whose_the_decision_is(house: House, nora: Coordinator) -> None:
    veteran = {"coverage": "VET", "id": "va"}
    patient = named(house, "Bob Wren", *EXHAUSTED, veteran)
    (proposal,) = house.ours(patient, "ServiceRequest")
    house.say("approve", proposal)
    printed(nora, "Bob Wren")

    assert "Coverage by the VA is attached; the VA makes the coverage decision." in nora.page.text
    assert "Coverage none recorded" not in nora.page.text


def test_it_is_read_only_after_somebody_said_that_they_print_it(house: House, nora: Coordinator) -> None:
    patient = approved(house, "Cleo Wren")
    show(nora, "Cleo Wren", "ready")
    address = nora.page.address
    assert nora.see(f"{address}/letter").address == address
    assert nora.http.get(f"{address}/letter.pdf").status_code == 404
    assert "Undo the approval" in nora.page.text, "nothing was kept of the look"

    printed(nora, "Cleo Wren")
    show(nora, "Cleo Wren", "ready")
    nora.do("withdraw")

    assert house.statuses(patient)["review"] == "requested", "a person is told, for somebody may have it"


def test_a_proposal_has_no_letter(house: House, nora: Coordinator) -> None:
    named(house, "Dov Wren", *EXHAUSTED)
    show(nora, "Dov Wren", "review")
    assert nora.http.get(f"{nora.page.address}/letter.pdf").status_code == 404
    assert nora.http.get("/worklist/referral/nobody/letter").status_code == 404


NAMES = ["Łukasz Żółć", "Nguyễn Thị Đặng", "Δημήτρης Παπαδόπουλος", "Олена Ґалаґан", "Gürkan Şahin"]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_written_as_they_are(house: House, nora: Coordinator, name: str) -> None:
    approved(house, name)
    file, text = pdf(nora, printed(nora, name))

    assert name in text and "cannot show" not in text
    assert b"/FontFile2" in file, "the font comes along"


@pytest.mark.parametrize("name", ["محمد علي", "田中 太郎", "אברהם כהן"])
def test_what_the_file_cannot_show_is_said_in_it(house: House, nora: Coordinator, name: str) -> None:
    assert not can_show(name)
    approved(house, name)
    _, text = pdf(nora, printed(nora, name))

    assert name in nora.page.text
    assert "This file cannot show some characters of the text." in text


def test_the_same_letter_is_the_same_file_and_runs_nothing(house: House, nora: Coordinator) -> None:
    approved(house, "Eli <b>Wren</b>")
    address = printed(nora, "Eli <b>Wren</b>")
    assert "<b>" not in nora.page.html
    first, text = pdf(nora, address)
    assert "Eli <b>Wren</b>" in text
    assert b"/JavaScript" not in first
