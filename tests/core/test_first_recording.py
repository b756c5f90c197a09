"""An undated flag is as old as its concept's first recording: of that concept in that region."""

import pytest

from referral_service.core.decide import decide
from referral_service.core.timeline import Condition, Meaning, Timeline
from tests.kit.charts import ADULT
from tests.kit.words import AS_OF, PATHWAY, at


def infection(region: str | None, recorded: int, source: str, clinical: str = "active") -> Condition:
    return Condition(
        source=f"Condition/{source}",
        meanings=(Meaning("vertebral_osteomyelitis", region, "red_flag_hard"),),
        clinical=clinical,
        verification="confirmed",
        recorded=at(recorded),
    )


@pytest.mark.parametrize(
    ("earlier", "now", "outcome"),
    [
        ("lumbar", "cervical", "urgent"),
        (None, "cervical", "urgent"),
        ("cervical", "cervical", "no-qualifying-condition"),
        (None, None, "no-qualifying-condition"),
    ],
)
def test_an_infection_of_another_region_makes_no_new_one_old(
    earlier: str | None, now: str | None, outcome: str
) -> None:
    known = infection(earlier, -700, "known", clinical="resolved")
    facts = (ADULT, known, infection(now, -2, "new"))
    assert [d.outcome for d in decide(Timeline(facts), PATHWAY, AS_OF)] == [outcome]
