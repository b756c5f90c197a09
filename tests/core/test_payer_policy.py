"""A stricter policy from another file changes the decisions, with no line of code: no number lives there.

The example asks for six weeks of active therapy within the past 12 months, two more modalities, an epidural.
"""

from datetime import date, timedelta
from typing import Any

import pytest

from referral_service.core.decision import Decision
from referral_service.core.pathway import Pathway
from referral_service.pathways import DEFAULT, load
from tests.kit import judged as kit
from tests.kit.judged import TODAY

OWN = load()
STRICT = load(DEFAULT.with_name("strict-payer-example.yaml"))

CARE: list[dict[str, Any]] = [
    {"condition": "M51.360", "onset": -500},
    {"procedure": "97110", "every": {"from": -200, "to": -60, "step": 7}},
    {"score": "97909-6", "value": 48, "unit": "%", "on": -200},
    {"score": "97909-6", "value": 46, "unit": "%", "on": -12},
    {"imaging": "24968-0", "on": -100},
]
DRUG = {"medication": "198014", "from": -200, "supply": 150}
EPIDURAL = {"procedure": "62323", "on": -90}
FACET = {"procedure": "64493", "on": -90}
MASSAGE = {"procedure": "97124", "on": [-150, -143, -136]}


def judged(pathway: Pathway, *more: dict[str, Any], as_of: date = TODAY) -> Decision:
    return kit.judged(*CARE, *more, pathway=pathway, as_of=as_of)


@pytest.mark.parametrize(
    ("more", "own", "strict"),
    [
        ((), "in-trial", "in-trial"),
        ((DRUG,), "exhausted", "in-trial"),
        ((DRUG, MASSAGE), "exhausted", "in-trial"),
        ((DRUG, FACET), "exhausted", "in-trial"),
        ((EPIDURAL,), "exhausted", "in-trial"),
        ((DRUG, EPIDURAL), "exhausted", "exhausted"),
        ((MASSAGE, EPIDURAL), "exhausted", "exhausted"),
    ],
    ids=[
        "therapy",
        "drug",
        "drug-massage",
        "drug-facet-block",
        "epidural",
        "drug-epidural",
        "massage-epidural",
    ],
)
def test_the_same_care_under_two_policies(more: tuple[dict[str, Any], ...], own: str, strict: str) -> None:
    assert (judged(OWN, *more).outcome, judged(STRICT, *more).outcome) == (own, strict)


def test_active_therapy_older_than_a_year_no_longer_counts_for_the_payer() -> None:
    ongoing = {"medication": "198014", "from": -200, "period": [-200, None]}
    late = TODAY + timedelta(days=320)
    status = {
        name: {c.id: c.status for c in judged(pathway, ongoing, EPIDURAL, as_of=late).criteria}
        for name, pathway in (("own", OWN), ("strict", STRICT))
    }
    assert status["own"]["active-therapy"] == "met"
    assert status["strict"]["active-therapy"] == "not-met"


def test_what_it_does_not_say_is_as_in_the_file_that_it_is_based_on() -> None:
    differing = {
        name
        for name in type(OWN.numbers).model_fields
        if getattr(OWN.numbers, name) != getattr(STRICT.numbers, name)
    }
    assert differing == {"active_within", "modalities_needed", "injections_required"}
    assert STRICT.instruments == OWN.instruments


def test_an_epidural_that_is_coded_as_a_facet_block_too_is_an_epidural() -> None:
    codes = [{"system": "http://www.ama-assn.org/go/cpt", "code": code} for code in ("62323", "64493")]
    both = {
        "resource": {
            "resourceType": "Procedure",
            "status": "completed",
            "code": {"coding": codes},
            "performedDateTime": "2026-03-03",
        }
    }
    assert judged(STRICT, MASSAGE, both).outcome == "exhausted"


def test_only_active_visits_of_the_past_year_count_for_the_payer() -> None:
    care: list[dict[str, Any]] = [
        {"condition": "M51.360", "onset": -500},
        {"procedure": "97110", "on": [-430, -423, -416, -409, -402, -395, -56, -42, -28, -14]},
        {"medication": "198014", "from": -430, "period": [-430, -1]},
    ]
    shown = {}
    for name, pathway in (("own", OWN), ("strict", STRICT)):
        [active] = [c for c in kit.judged(*care, pathway=pathway).criteria if c.id == "active-therapy"]
        shown[name] = (active.status, active.value)
    assert shown == {"own": ("met", 10), "strict": ("not-met", 4)}


def test_one_more_modality_and_a_course_that_may_be_the_other_leave_the_payers_two_open() -> None:
    course = {"procedure": "97140", "during": [-150, -120]}
    found = judged(STRICT, EPIDURAL, course)
    assert (found.outcome, found.reasons) == ("review", ("dates-unclear",))
    assert {c.id: c.status for c in found.criteria}["second-modality"] == "unknown"
