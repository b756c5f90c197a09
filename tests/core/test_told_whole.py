"""Where a chart of many readings once said less than the pathway: each was found by a fault put in."""

from msgspec.structs import replace

from referral_service.core.timeline import Coverage
from tests.core.asked import answers, decisions
from tests.core.test_keeping import kept, told
from tests.kit.charts import ADULT, condition, numbered, visit
from tests.kit.judged import judged
from tests.kit.words import at, between, meant

DISC = condition(meant("disc_displacement", "lumbar"), -250, source="Condition/back")


def undated(concept, **more):
    return replace(condition(meant(concept), 0, **more), onset=None)


def test_a_denied_recording_dates_no_red_flag() -> None:
    for concept in ("foot_drop", "cauda_equina_syndrome"):
        alone = answers(numbered((ADULT, DISC, undated(concept))))
        for v in ("refuted", "entered-in-error"):
            denied = undated(concept, recorded=at(-900), verification=v)
            assert answers(numbered((ADULT, DISC, undated(concept), denied))) == alone


def test_a_flag_with_a_partial_onset_and_no_episode_tells_what_was_left_out() -> None:
    flag = replace(condition(meant("disc_disorder_with_myelopathy", "cervical"), 0), onset=between(-151, 213))
    veteran = Coverage(source="", is_veteran=True, is_active=True)
    [d] = decisions(numbered((ADULT, flag, veteran, visit("physical_therapy", -10, "cervical")))).values()
    assert (d.notes, [why for _, why in d.left_out]) == (("veteran",), ["not-in-trial"])


def test_an_episode_open_in_one_reading_is_closed_once_refuted() -> None:
    maybe = replace(DISC, onset=None, recorded=between(-516, -152), clinical=None)
    first = kept(maybe)
    assert first.episodes[0].is_open
    found = kept(replace(maybe, verification="refuted"), known=first.episodes)
    assert set(told(found).values()) == {("no-qualifying-condition", ("refuted",))}
    flag = condition(meant("cauda_equina_syndrome"), -3, source="Condition/flag")
    [urgent] = kept(maybe, flag, known=first.episodes).episodes
    assert (urgent.key, urgent.decision.outcome) == (first.episodes[0].key, "urgent")


def test_an_ended_trial_says_every_reason_why_it_cannot_be_judged() -> None:
    d = judged(
        {"condition": "M51.26", "onset": -520},
        {"procedure": "97110", "during": [-510, -450]},
        {"medication": "198014", "from": -510, "supply": 30},
    )
    assert (d.outcome, d.reasons) == ("review", ("dates-unclear", "trial-outdated"))
