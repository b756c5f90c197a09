"""Signs that something else explains: several explanations at once, and a policy that does not know one."""

from referral_service.core.decide import decide
from referral_service.core.pathway import Pathway
from referral_service.core.timeline import AnyFact, PregnancyStatus, Timeline
from tests.kit.charts import ADULT, condition, numbered
from tests.kit.words import AS_OF, PATHWAY, at, meant

DISC = condition(meant("disc_displacement", "lumbar"), -250)
BLADDER = condition(meant("urinary_retention"), -10)
GAIT = condition(meant("gait_disturbance"), -10)
PROSTATE = condition(meant("competing_prostate"), -900)
ANTALGIC = condition(meant("antalgic_gait"), -20)
PREGNANT = PregnancyStatus(source="", is_pregnant=True, status="final", at=at(-30))


def reasons(*facts: AnyFact, pathway: Pathway = PATHWAY) -> tuple[str, ...]:
    """The reasons of the only decision."""
    [found] = decide(Timeline.of(numbered((ADULT, DISC, *facts))), pathway, AS_OF)
    return found.reasons


def test_each_explanation_explains_its_own_sign() -> None:
    assert reasons(BLADDER, GAIT) == ("red-flag-soft",)
    assert reasons(BLADDER, GAIT, PROSTATE) == ("possible-red-flag",)
    assert reasons(BLADDER, GAIT, ANTALGIC) == ("possible-red-flag",)
    assert reasons(BLADDER, GAIT, PROSTATE, ANTALGIC) == ("no-treatment",)
    assert reasons(BLADDER, GAIT, ANTALGIC, PREGNANT) == ("pregnancy",)


def test_where_the_policy_does_not_name_pregnancy_it_explains_nothing() -> None:
    known = PATHWAY.red_flags
    competing = {concept: of for concept, of in known.competing.items() if concept != "pregnancy"}
    silent = PATHWAY.model_copy(update={"red_flags": known.model_copy(update={"competing": competing})})
    assert reasons(BLADDER, PREGNANT) == ("pregnancy",)
    assert reasons(BLADDER, PREGNANT, pathway=silent) == ("possible-red-flag",)
