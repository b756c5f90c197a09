"""One referral's page: the draft, why and why not, the facts behind it, what is missing, who did what."""

from referral_service.api.worklist import words
from tests.api.people import CAUDA, EXHAUSTED, UNCLEAR, House
from tests.core.test_left_out import CASES
from tests.worklist.browsing import Coordinator
from tests.worklist.people import named


def opened(nora: Coordinator, stage: str, who: str) -> str:
    nora.look_for(stage, who[::-1].replace(" ", "-"))
    return nora.open(who).text


def test_the_reason_can_be_checked_fact_by_fact(house: House, nora: Coordinator) -> None:
    named(house, "Anna Beech", *EXHAUSTED)
    text = opened(nora, "review", "Anna Beech")
    table = next(one for one in nora.page.tables if one[0][0] == "Asked")
    rows = {row[0]: row[1:] for row in table[1:]}

    assert rows["The trial has lasted its minimum"][:2] == ["✓ Met", "183 days"]
    assert rows["The trial has lasted its minimum"][2].startswith("90 days G2:")
    assert rows["A current MRI or CT report is there"][1] != "–"
    assert "Evaluation for intradiscal treatment" in text
    assert "Nothing that was received was left out." in text
    assert "Conservative spine care, exhausted, version 1.0.0" in text
    facts = [address for address, words in nora.page.links if words in ("Observation", "Procedure")]
    facts += [address for address, _ in nora.page.links if address.startswith("/fhir/")]
    assert len(facts) > 30, "every mark of the picture leads to its source"
    for address in {*facts, f"/fhir/PlanDefinition/{house.server.service.pathway.id}"}:
        assert nora.http.get(address).status_code == 200, address


def test_what_is_missing_and_what_was_left_out_is_said(house: House, nora: Coordinator) -> None:
    named(house, "Bert Cherry", *UNCLEAR, {"procedure": "97110", "on": -300})
    text = opened(nora, "information", "Bert Cherry")

    assert "Missing: a lumbar MRI." in text
    assert "✗ Not met" in text
    assert "1 fact was not used" in text
    assert "It is outside the trial." in text


def test_every_reason_to_leave_a_fact_out_has_its_words() -> None:
    told = {why for _, why in CASES.values() if why}
    assert {*told, "modified", "no-value", "not-read", "not-used"} <= words.LEFT_OUT.keys()


def test_a_red_flag_says_what_was_recorded_and_asks_for_no_trial(house: House, nora: Coordinator) -> None:
    named(house, "Cora Dogwood", CAUDA)
    text = opened(nora, "red-flag", "Cora Dogwood")

    assert "A diagnosis that waives the trial is recorded." in text
    assert "Cauda equina syndrome" in text and "– Not asked: red flag" in text
    facts = [address for address, words in nora.page.links if words.startswith("Condition/")]
    assert facts and nora.http.get(facts[0]).status_code == 200
    assert "acknowledge" in nora.page.verbs()
    assert "examined at once" in text
    assert "conservative care: the reason" not in text and "intradiscal evaluation instead" not in text


def test_a_red_flag_of_another_episode_is_told_on_the_one_urgent_proposal(
    house: House, nora: Coordinator
) -> None:
    neck = ({"condition": "M54.2", "onset": -10}, {"condition": "M50.01", "onset": -5})
    back = ({"condition": "M54.50", "onset": -200}, {"condition": "M21.372", "onset": -30, "id": "foot"})
    named(house, "Frida Hawthorn", *neck, *back)
    nora.see("/worklist/list/red-flag")
    (row,) = (row for table in nora.page.tables for row in table if any("Hawthorn" in cell for cell in row))
    assert row[3].endswith("; Foot drop")
    text = opened(nora, "red-flag", "Frida Hawthorn")
    assert "-foot." in text, "on the draft"
    assert "Foot drop" in text
    assert [words for address, words in nora.page.links if address.endswith("-foot")]


def test_what_else_could_be_done_is_said_while_anything_can(house: House, nora: Coordinator) -> None:
    named(house, "Dora Elder", *EXHAUSTED)
    text = opened(nora, "review", "Dora Elder")
    assert "Decline and go on with conservative care" in text
    nora.do("decline", reason="more-care")
    assert "What else could be done" not in nora.page.text


def test_every_page_says_whose_times_and_days_it_shows(nora: Coordinator) -> None:
    said = "Times are UTC; days without a time are calendar days as their senders wrote them."
    assert said in nora.see("/worklist/list/review").text and said in nora.see("/worklist/measures").text


def test_a_name_turns_no_words_around(house: House, nora: Coordinator) -> None:
    patient = named(house, "Olive Teak", *EXHAUSTED)
    (entry,) = house.server.search("Patient", _id=patient)["entry"]
    turned = "\u202elive evil"
    assert house.server.put({**entry["resource"], "name": [{"text": turned}]}).is_success

    nora.look_for("review", "kaeT-evilO")
    nora.see(next(address for address, words in nora.page.links if words == turned))

    assert f"<h1><bdi>{turned}</bdi>: Intradiscal evaluation</h1>" in nora.page.html


def test_the_history_names_who_did_what(house: House, nora: Coordinator, omar: Coordinator) -> None:
    named(house, "Dina Ebony", *EXHAUSTED)
    opened(nora, "review", "Dina Ebony")
    nora.do("claim")
    nora.do("release")
    opened(omar, "review", "Dina Ebony")
    omar.do("approve", note="Seen the films")

    text = omar.page.text
    assert "omar approved" in text
    assert "nora released" in text and "nora claimed" in text
    assert "The service wrote or changed it after a decision" in text
    assert "Seen the films" in text


def test_a_patients_page_tells_decisions_over_time(house: House, nora: Coordinator) -> None:
    patient = named(house, "Egon Fir", *UNCLEAR)
    house.server.put(
        {
            "resourceType": "DiagnosticReport",
            "id": f"{patient}-mri",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "24968-0"}]},
            "subject": {"reference": f"Patient/{patient}"},
            "effectiveDateTime": house.server.service.clock.as_of().date().isoformat(),
        }
    )
    house.judge()
    text = nora.see(f"/worklist/patient/{patient}").text

    assert "Lumbar episode since" in text and "open" in text
    assert "A current MRI or CT report is there: not met, now met" in text
    newest, older = text.index("exhausted"), text.rindex("review")
    assert newest < older


def test_the_page_of_a_patient_whose_problem_nobody_dates_shows_no_first_day(
    house: House, nora: Coordinator
) -> None:
    patient = named(house, "Ida Rowan", {"condition": "M54.50"}, {"procedure": "97110", "on": [-9, -5]})
    house.judge()
    text = nora.see(f"/worklist/patient/{patient}").text
    assert "Lumbar episode, open" in text and "1900" not in text


def test_nothing_that_a_sender_wrote_runs(house: House, nora: Coordinator) -> None:
    script = "<script>alert(1)</script>"
    patient = named(house, f"{script} {script}", *EXHAUSTED, CAUDA)
    house.server.put(
        {
            "resourceType": "Patient",
            "id": patient,
            "name": [{"text": script}],
            "identifier": [{"value": script}],
        }
    )
    house.judge()
    for stage in ("red-flag", "review", "information", "closed"):
        nora.see(f"/worklist/list/{stage}")
        assert script not in nora.page.html
    nora.see("/worklist/list/red-flag")
    nora.open(script)
    nora.do("acknowledge")
    nora.do("reassign", owner="omar")
    nora.do("approve", note=script)
    assert script not in nora.page.html and script in nora.page.text
    assert script not in nora.see(f"/worklist/patient/{patient}").html
    assert script not in nora.look_for("review", script).html
    assert "style=" not in nora.page.html and "onclick" not in nora.page.html
