"""Active therapy not done for a contraindication: of which region, and that the decision rests on it."""

from typing import Any

from referral_service.core.explain import missing, sentences
from tests.kit.judged import decisions

BACK: dict[str, Any] = {"condition": "M54.50", "onset": -35}
NECK: dict[str, Any] = {"condition": "M54.2", "onset": -35}
NECK_SITE = {"site": "122494005"}
MASSAGE: dict[str, Any] = {"procedure": "97124", "on": [-28, -21, -14]}
NOT_DONE: dict[str, Any] = {
    **{"procedure": "97110", "on": -25, "status": "not-done", "because": "183932001"},
    "id": "not-done",
}
REFERENCE = "Procedure/pat-not-done/_history/1"


def test_a_decision_names_what_was_not_done_among_the_facts_that_it_used() -> None:
    [found] = decisions(BACK, MASSAGE, NOT_DONE)
    assert found.reasons == ("therapy-contraindicated",)
    assert found.evidence.count(REFERENCE) == 1
    assert REFERENCE not in dict(found.left_out)


def test_nobody_is_told_to_make_up_for_what_must_not_be_done() -> None:
    [found] = decisions(BACK, MASSAGE, NOT_DONE)
    assert "active-visits" in dict(found.needs), "as machines read it"
    assert missing(found) and not [piece for piece in missing(found) if "active" in piece]
    assert "active visit" not in " ".join(sentences(found))
    [allowed] = decisions(BACK, MASSAGE)
    assert [piece for piece in missing(allowed) if "active visit" in piece]


def test_where_it_decides_nothing_it_is_left_out() -> None:
    [found] = decisions(BACK, NOT_DONE)
    assert found.outcome == "not-started"
    assert REFERENCE not in found.evidence
    assert dict(found.left_out)[REFERENCE] == "not-done"


def test_it_is_of_the_region_that_it_names() -> None:
    neck, back = decisions(
        BACK, NECK, {**MASSAGE, **NECK_SITE}, MASSAGE | {"site": "122496007"}, NOT_DONE | NECK_SITE
    )
    assert (neck.region, neck.reasons) == ("cervical", ("therapy-contraindicated",))
    assert (back.region, back.reasons) == ("lumbar", ("active-therapy", "duration"))
