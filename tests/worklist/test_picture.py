"""The picture of a patient's care: as it was looked at, safe in a page, and what of a chart is drawn how."""

import re
from datetime import timedelta
from importlib.resources import files
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from referral_service.api.worklist.picture import PictureView, view
from referral_service.core.timeline import Fact, Imaging, Meaning, Procedure
from tests.core.asked import decisions
from tests.kit.charts import ADULT, EXHAUSTED, condition, drug, mri, numbered, score, visit
from tests.kit.words import AS_OF, CERVICAL, ELSEWHERE, LUMBAR, PATHWAY, TERMINOLOGY, at, between, meant
from tests.worklist.apart import extent, lane, marks, rows
from tests.worklist.drawn import drawing, kept, page, picture, pictures
from tests.worklist.redraw import GOLDEN

SVG = "{http://www.w3.org/2000/svg}"
KEPT = kept()
BACK = condition(meant("disc_displacement", "lumbar"), -100)


def drawn(*facts: Fact) -> PictureView:
    """The picture of a back known for 100 days, and of what else is given."""
    ((_, only),) = pictures(numbered((BACK, *facts)))
    return only


@pytest.mark.parametrize("name", sorted(KEPT))
def test_a_picture_is_as_it_was_looked_at(name: str) -> None:
    assert drawing(KEPT[name]) == (GOLDEN / name).read_text(encoding="utf-8"), "see tests/worklist/redraw.py"


def test_no_kept_picture_is_of_a_story_that_is_told_no_more() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(KEPT)


@pytest.mark.parametrize("name", sorted(KEPT))
def test_a_drawing_is_well_formed_and_says_what_it_is(name: str) -> None:
    root = ElementTree.fromstring(drawing(KEPT[name]))
    by_id = {it.get("id"): it for it in root.iter() if it.get("id")}
    assert by_id[root.get("aria-labelledby")].tag == f"{SVG}title"
    assert by_id[root.get("aria-describedby")].tag == f"{SVG}desc"
    for link in root.iter(f"{SVG}a"):
        assert re.fullmatch(r"/fhir/[A-Z][A-Za-z]+/[A-Za-z0-9.-]+/_history/\d+", link.get("href") or "")
        assert link.findtext(f"{SVG}title")


@pytest.mark.parametrize("name", sorted(KEPT))
def test_nothing_in_it_needs_what_the_content_security_policy_forbids(name: str) -> None:
    assert not re.search(
        r"\sstyle=|\son[a-z]+=|<script|<style|https?://(?!www\.w3\.org/2000/svg)", page(KEPT[name])
    )


def test_the_stylesheet_has_every_class_of_a_picture_and_no_other() -> None:
    folder = files("referral_service.api.worklist")
    style = (folder / "static" / "picture.css").read_text()
    template = (folder / "templates" / "picture.html").read_text()
    named = set(re.findall(r"\.(picture[\w-]*)", style))
    assert named ^ set(re.findall(r'\b(picture[\w-]*)(?=[ "][^<]*>)', template)) <= {"picture-lane"}


def test_a_partial_date_is_drawn_as_the_span_that_it_may_mean() -> None:
    shown = drawn(replace(visit("physical_therapy", -60), start=between(-62, -32)), mri(-20))
    (mark,) = lane(shown, "Active").marks
    left, right, *_ = extent(mark.path)
    assert "inexact" in mark.look
    assert "between 2026-03-31 and 2026-04-30" in mark.title
    assert (right - left) / mark.hit.width == pytest.approx(1, abs=0.1) and right - left > 100
    assert any("not exact" in note for note in shown.notes)


def test_a_month_and_a_year_are_said_as_they_were_sent() -> None:
    shown = drawn(
        replace(mri(0), at=between(-92, -62)), replace(score("odi_score", 40, 0), at=between(-151, 213))
    )
    whens = {row.when for row in rows(shown)}
    assert {"2026-03", "2026"} <= whens


def test_what_has_no_date_is_in_the_table_and_not_in_the_drawing() -> None:
    undated = (
        replace(visit("physical_therapy", 0), start=None),
        replace(drug(-10, 0), start=None, end=None),
        replace(score("odi_score", 40, 0), at=None),
    )
    shown = drawn(visit("physical_therapy", -50), *undated)
    told = [row for row in rows(shown) if row.when == "no date"]
    assert {row.source.split("/")[0] for row in told} == {"Procedure", "Medication", "Score"}
    assert not {row.href for row in told} & {mark.href for mark in marks(shown)}
    assert shown.notes == ("3 facts are in the table only: without a date, or before the drawing.",)


def test_an_episode_that_nothing_dates_begins_nowhere_in_the_picture() -> None:
    ((_, shown),) = pictures(
        numbered((replace(BACK, onset=None, recorded=None), visit("physical_therapy", -50)))
    )
    assert "since" not in shown.title
    assert "Episode begins" not in drawing(shown) and "1900" not in drawing(shown)


def test_only_what_is_of_the_region_is_drawn() -> None:
    shown = drawn(
        replace(visit("physical_therapy", -50), tie=CERVICAL),
        replace(visit("massage", -40), tie=ELSEWHERE),
        replace(visit("acupuncture", -30), tie=LUMBAR),
    )
    assert [mark.title for mark in marks(shown)] == ["Acupuncture, 2026-05-02"]


def test_what_lies_ahead_or_was_entered_in_error_is_not_drawn() -> None:
    shown = drawn(visit("massage", 1), replace(visit("massage", -3), status="entered-in-error"))
    assert marks(shown) == []
    assert lane(shown, "Manual").rows == ()


def test_medication_has_a_lane_for_each_class_and_says_which_never_counts() -> None:
    shown = drawn(
        drug(-50, -20, concept="med_neuropathic"), drug(-50, 20, concept="med_opioid"), drug(-10, -1)
    )
    lanes = [(placed.lane.name, placed.lane.says) for placed in shown.lanes if placed.lane.marks]
    assert lanes == [
        ("Neuropathic agent", ("medication",)),
        ("NSAID", ("medication",)),
        ("Opioid", ("noted, not counted",)),
    ]
    assert [stroke.look for stroke in lane(shown, "Opioid").strokes] == ["ahead"]


def test_care_before_the_trial_looks_and_reads_otherwise() -> None:
    therapy = lane(KEPT["example-13-a-winter-without-care-restarts-the-trial-lumbar.svg"], "Active")
    assert ["outside" in mark.look for mark in therapy.marks] == [True] * 4 + [False] * 6
    assert ["outside the trial" in row.what for row in therapy.rows] == [True] * 4 + [False] * 6


def test_gaps_and_cover_fill_the_trial_to_the_day_asked_for() -> None:
    said = [
        row.what
        for row in lane(KEPT["example-09-pain-returns-after-each-treatment-cycle-lumbar.svg"], "Trial").rows
    ]
    assert said == [
        "75 days covered by care",
        "25 days without care",
        "55 days covered by care",
        "56 days without care",
    ]


def test_the_table_tells_covered_days_to_come_from_those_that_were() -> None:
    for care, said in (
        (drug(-99, 12), "100 days covered by care, 12 more to come"),
        (drug(-99, 0), "100 days covered by care"),
    ):
        trial = lane(drawn(visit("massage", -99), care), "Trial")
        assert [row.what for row in trial.rows] == [said]
        assert trial.says[0] == "100 covered days", "as the drawing says"
    recent = lane(drawn(visit("massage", -99), drug(0, 1)), "Trial")
    assert recent.rows[-1].what == "1 day covered by care, 1 more to come"


def test_a_red_flag_is_the_first_lane_and_waives_the_trial() -> None:
    shown = KEPT["cauda-equina-after-two-weeks-of-therapy-lumbar.svg"]
    assert shown.lanes[0].lane.name == "Red flags"
    assert lane(shown, "Trial").says == ("not asked: red flag",)
    assert shown.bands == ()


def test_a_decision_that_the_record_has_overtaken_says_so() -> None:
    (decision,) = decisions(numbered((ADULT, *EXHAUSTED))).values()
    newer = numbered((ADULT, *EXHAUSTED, score("odi_score", 10, -1, "lumbar")))
    assert any("has changed" in note for note in view(newer, PATHWAY, decision, AS_OF).notes)


def test_a_series_without_a_unit_says_what_it_may_mean() -> None:
    shown = picture("example-17-two-records-disagree-about-the-same-score")
    assert lane(shown, "Function").says[1] == "contradictory"
    assert any("22 % (or 44 %: unit unclear)" in row.what for row in rows(shown))


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&amp;'"])
def test_what_a_sender_or_a_site_wrote_is_shown_as_text(hostile: str) -> None:
    said = Meaning(hostile, "lumbar", "treatment", 4)
    facts = numbered(
        (
            BACK,
            *(visit("physical_therapy", -day) for day in range(10, 80, 10)),
            Procedure(source="", version=hostile, meanings=(said,), status="completed", start=at(-5)),
            replace(
                drug(-20, -2), source=f"Medication/{hostile}", meanings=(replace(said, role="medication"),)
            ),
            Imaging(
                source="",
                meanings=(replace(said, role="imaging"),),
                findings=(hostile,),
                at=at(-4),
                status="final",
            ),
        )
    )
    for _, shown in pictures(facts):
        assert all(re.fullmatch(r"/fhir/[\w%./~-]+", mark.href) for mark in marks(shown))
        whole = page(shown)
        assert not re.search(r"<(script|img)|\sonerror=[^&]*>", re.sub(r'"[^"]*"', '""', whole))
        found = ElementTree.fromstring(drawing(shown))
        assert any(hostile.lower() in (it.text or "").lower() for it in found.iter())
        assert {it.tag.removeprefix(SVG) for it in found.iter()} <= {
            *("svg", "title", "desc", "defs", "pattern", "path", "circle", "rect", "text", "g", "a")
        }


def test_no_concept_of_care_is_called_by_its_identifier() -> None:
    roles = ("treatment", "medication", "imaging", "red_flag")
    named = [it for it in TERMINOLOGY.concepts().values() if it.role.startswith(roles) and it.step != 5]
    facts = [
        Procedure(
            source="",
            meanings=(Meaning(it.name, "lumbar", it.role, it.step),),
            status="completed",
            start=at(-9),
        )
        for it in named
    ]
    facts += [
        replace(drug(-20, -2), meanings=(Meaning(it.name, None, it.role, it.step),))
        for it in named
        if it.role == "medication"
    ]
    told = " ".join(row.what for row in rows(drawn(*facts)))
    assert "_" not in told and "med " not in told.lower()


def test_a_long_history_is_drawn_from_where_the_trial_begins() -> None:
    visits = [visit("physical_therapy", -day, "lumbar") for day in range(5, 90, 7)]
    old = [visit("massage", -day, "lumbar") for day in (2000, 2100)]
    ((_, shown),) = pictures(numbered((replace(BACK, onset=at(-4000)), *visits, *old)))
    first = next(text.text for text in shown.head.texts if "Episode" in text.text)
    assert first.startswith("← Episode begins") and not lane(shown, "Manual").marks
    assert lane(shown, "Manual").rows[0].what.endswith("(before the drawing)")
    assert (AS_OF - timedelta(days=4000)).isoformat() in first
