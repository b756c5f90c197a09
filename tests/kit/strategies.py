"""Strategies for one patient's facts: realistic mixes from small pools of days, so that boundaries collide.

A `chart` is a tuple of facts as the reader of resources would give them, each with a source of its own.
"""

from decimal import Decimal

from hypothesis import strategies as st
from msgspec.structs import replace

from referral_service.core.timeline import (
    Allergy,
    AnyFact,
    Condition,
    Coverage,
    Imaging,
    Medication,
    Order,
    Person,
    PregnancyStatus,
    Procedure,
    Refusal,
    Score,
    Tie,
    Unused,
)
from tests.kit.words import CERVICAL, ELSEWHERE, LUMBAR, UNTIED, at, between, meant, tied

Facts = tuple[AnyFact, ...]

PAST = (-30, 0, -1, -13, -14, -15, -29, -31, -41, -42, -43, -59, -60, -61, -84, -89, -90, -91)
LONG_PAST = (-104, -105, -120, -180, -184, -200, -270, -365, -366, -400, -800)
FUTURE = (1, 13, 14, 30, 42, 91, 300)
EXACT = tuple(at(offset) for offset in (*PAST, *LONG_PAST))
COMING = tuple(at(offset) for offset in FUTURE)
# 2026, 2025, 2026-05, 2026-06, 2026-03, 2025-06, 2027
PARTIAL = tuple(
    between(first, last)
    for first, last in ((-151, 213), (-516, -152), (-31, -1), (0, 29), (-92, -63), (-365, -336), (214, 578))
)
dates = st.sampled_from(EXACT * 2 + COMING + PARTIAL)
dates_or_none = st.sampled_from((*EXACT * 2, *COMING, *PARTIAL, *(None,) * 12))
rarely = st.sampled_from((False,) * 7 + (True,))

DISC = ("disc_degeneration", "disc_displacement", "disc_disorder_with_radiculopathy", "other_disc_disorder")
STRUCTURAL = ("spinal_stenosis", "spondylolisthesis", "spinal_instability", "spondylolysis", "spondylosis")
LUMBAR_CONDITIONS = (
    *(meant(concept, "lumbar") for concept in (*DISC, *STRUCTURAL, "low_back_pain", "radiculopathy")),
    *(meant("annular_defect", "lumbar", size) for size in (None, "small", "large")),
    meant("lumbago_with_sciatica", "lumbar"),
    meant("disc_degeneration", "lumbar", "leg-only"),
    meant("low_back_pain", "lumbar", "chronic"),
    meant("traumatic_disc_rupture", "lumbar"),
)
CERVICAL_CONDITIONS = tuple(
    meant(concept, "cervical")
    for concept in (*DISC, "neck_pain", "cervical_root_disorder", "spinal_stenosis")
)
OTHER_CONDITIONS = (
    meant("thoracic_spine_pain", "thoracic"),
    meant("disc_displacement", "thoracic"),
    *(meant(name) for name in ("dorsalgia_unspecified", "scoliosis", "chronic_pain", "disc_degeneration")),
    *(meant(name) for name in ("fusion_of_spine_status", "pregnancy", "psychogenic_back_pain")),
)
HARD_FLAGS = (
    *(meant(name) for name in ("cauda_equina_syndrome", "spinal_cord_compression", "bone_metastasis")),
    *(meant(name) for name in ("lumbar_fracture", "vertebral_malignancy")),
    *(meant(name, "cervical") for name in ("disc_disorder_with_myelopathy", "disc_infection")),
    meant("vertebral_osteomyelitis", "lumbar"),
)
SOFT_FLAGS = tuple(
    meant(name)
    for name in (
        "urinary_incontinence",
        "urinary_retention",
        "fecal_incontinence",
        "foot_drop",
        "muscle_weakness",
        "gait_disturbance",
        "anesthesia_of_skin_proxy_for_saddle",
    )
)
COMPETING = tuple(
    meant(name)
    for name in ("competing_stroke", "competing_prostate", "antalgic_gait", "back_pain_of_pregnancy")
)
ACTIVE = tuple(meant(name) for name in ("physical_therapy_active", "physical_therapy"))
MANUAL = tuple(meant(name) for name in ("manual_therapy", "massage", "acupuncture", "behavioral_cbt"))
INJECTIONS = (meant("epidural_injection", "lumbar"), meant("trigger_point_injection"))
ADVICE = (meant("home_exercise"), meant("self_management_education"))
NOT_TREATMENT = (
    *(meant(name) for name in ("traction", "passive_ultrasound", "physical_therapy_evaluation")),
    *(meant(name) for name in ("physical_therapy_plan", "rehab_ambiguous")),
    meant("not_a_treatment_epidural_anesthesia"),
)
OPERATIONS = (meant("prior_spine_surgery"), meant("intradiscal_thermal"))
DRUGS = ("med_nsaid", "med_neuropathic", "med_opioid", "med_oral_steroid", "med_anticoagulant_caution")
REFERRALS = tuple(
    meant(name) for name in ("refer_surgical", "refer_intradiscal", "refer_generic", "refer_physiatry")
)
BY_REASON = (Tie(reason_sources=("Condition/0",)), Tie(reason_sources=("Condition/0", "Condition/1")))
TIES = (LUMBAR, LUMBAR, LUMBAR, CERVICAL, UNTIED, UNTIED, ELSEWHERE, tied("lumbar", "cervical"), *BY_REASON)
ties = st.sampled_from(
    (*TIES, Tie(reason_regions=("lumbar",), reason_spine=True), Tie(reason_elsewhere=True))
)


def conditions(*meanings: object) -> st.SearchStrategy[Condition]:
    """Diagnoses of these meanings in every status, verification and category, dated or not."""
    return st.builds(
        Condition,
        source=st.just(""),
        meanings=st.tuples(st.sampled_from(meanings)),
        onset=dates_or_none,
        recorded=dates_or_none,
        abated=st.sampled_from((None,) * 12 + (at(-200), at(-30), at(30), PARTIAL[0])),
        is_abated=rarely,
        clinical=st.sampled_from(("active",) * 5 + (None, None, "relapse", "inactive", "resolved")),
        verification=st.sampled_from(
            ("confirmed",) * 4 + (None, None, "provisional", "refuted", "entered-in-error")
        ),
        categories=st.sampled_from(((), (), ("encounter-diagnosis",), ("problem-list-item",))),
        is_follow_up=rarely,
    ).map(_abatement_agrees)


def _abatement_agrees(condition: Condition) -> Condition:
    return replace(condition, is_abated=True) if condition.abated else condition


@st.composite
def procedures(draw: st.DrawFn, *meanings: object) -> Procedure:
    """Treatment or operations: single days, courses, without an end, undated, not done for a reason."""
    status = draw(st.sampled_from(("completed",) * 7 + ("in-progress", "not-done", "entered-in-error")))
    shape = draw(st.sampled_from(("day",) * 6 + ("course", "open", "undated")))
    start = None if shape == "undated" else draw(dates)
    end = draw(dates) if shape == "course" else None
    if start and end and end.latest < start.earliest:
        start, end = end, start
    return Procedure(
        source="",
        meanings=(draw(st.sampled_from(meanings)),),
        status=status,
        start=start,
        end=end,
        is_open=shape == "open",
        tie=draw(ties),
        declined=status == "not-done" and draw(st.booleans()),
        contraindicated=status == "not-done" and draw(st.booleans()),
    )


@st.composite
def medications(draw: st.DrawFn) -> Medication:
    """Orders and statements of use: with a supply, of 30 days, running on, or not given at all."""
    start, end = draw(dates_or_none), draw(st.one_of(st.none(), dates))
    if start and end and end.latest < start.earliest:
        start, end = end, start
    is_given = draw(st.sampled_from((True, True, True, False)))
    return Medication(
        source="",
        meanings=(meant(draw(st.sampled_from(DRUGS))),),
        status="active" if is_given else draw(st.sampled_from(("draft", "entered-in-error"))),
        is_given=is_given,
        is_order=draw(st.booleans()),
        start=start,
        end=end,
        runs_on=end is None and draw(rarely),
        tie=draw(st.sampled_from((UNTIED, UNTIED, LUMBAR, CERVICAL, ELSEWHERE))),
    )


VALUES = {
    "odi_score": (48, 46, 50, 44, 24, 22, 38, 58, 101),
    "roland_morris": (12, 13, 7, 17, 30),
    "ndi_score": (40, 38, 20, 52),
    "promis_pf_t": (40, 41, 35, 46),
    "pain_nrs_0_10": (7, 6, 5, 8, 3, 4, 11),
    "pain_vas": (70, 60, 40, 30, 85),
    "peg_mean": (7, 5, 8, 3),
}


@st.composite
def scores(draw: st.DrawFn) -> Score:
    """One value of an instrument, with, without or with an odd unit, now and then out of range."""
    concept = draw(st.sampled_from(tuple(VALUES)))
    return Score(
        source="",
        concept=concept,
        value=Decimal(draw(st.sampled_from(VALUES[concept]))),
        unit=draw(st.sampled_from(("%", None, "{score}", "cm"))),
        at=draw(dates_or_none),
        status=draw(st.sampled_from(("final",) * 5 + ("preliminary", "entered-in-error"))),
        tie=draw(st.sampled_from((LUMBAR, UNTIED, CERVICAL))),
    )


imaging = st.builds(
    Imaging,
    source=st.just(""),
    meanings=st.sampled_from(((meant("mri", "lumbar"),), (meant("ct", "lumbar"),), (meant("xray"),), ())),
    findings=st.sampled_from(((), (), (), ("imaging_progression",), ("disc_extrusion",))),
    at=dates_or_none,
    status=st.sampled_from(("final",) * 5 + ("preliminary", "amended", "entered-in-error")),
    tie=st.sampled_from((LUMBAR, LUMBAR, CERVICAL, UNTIED)),
)
orders = st.builds(
    Order,
    source=st.just(""),
    meanings=st.tuples(st.sampled_from(REFERRALS)),
    status=st.sampled_from(("active", "on-hold", "completed", "entered-in-error")),
    intent=st.sampled_from(("order", "order", "proposal")),
    is_ours=rarely,
    at=dates_or_none,
    tie=ties,
)
refusals = st.builds(
    Refusal,
    source=st.just(""),
    meanings=st.tuples(st.sampled_from((*REFERRALS, *OPERATIONS))),
    at=dates_or_none,
    until=st.one_of(st.none(), dates_or_none),
)
pregnancies = st.builds(
    PregnancyStatus,
    source=st.just(""),
    is_pregnant=st.booleans(),
    status=st.sampled_from(("final", "final", "entered-in-error")),
    at=dates_or_none,
)
allergies = st.builds(
    Allergy,
    source=st.just(""),
    meanings=st.just((meant("aprotinin_or_fibrin_allergy"),)),
    is_active=st.booleans(),
    at=dates_or_none,
)
coverages = st.builds(Coverage, source=st.just(""), is_veteran=st.booleans(), is_active=st.booleans())
unused = st.builds(Unused, source=st.just(""), reason=st.sampled_from(("unknown-code", "not-used")))
births = st.sampled_from(
    (at(-18_000),) * 12
    + (at(-6573), at(-6574), at(-6575), between(-6725, -6361), between(-6605, -6575), None)
)
persons = st.builds(
    Person,
    source=st.just("Patient/p"),
    birth=births,
    died=st.sampled_from((None,) * 30 + (at(-3), at(30), PARTIAL[0]) + (None,) * 30),
    is_deceased=st.sampled_from((False,) * 30 + (True,) + (False,) * 30),
).map(lambda person: replace(person, is_deceased=True) if person.died else person)
flags = conditions(*HARD_FLAGS, *SOFT_FLAGS)
care = st.one_of(procedures(*ACTIVE), procedures(*MANUAL), procedures(*INJECTIONS, *ADVICE), medications())
# What may be said of anybody: every kind of fact but the person.
KINDS: tuple[st.SearchStrategy[AnyFact], ...] = (
    conditions(*LUMBAR_CONDITIONS),
    conditions(*CERVICAL_CONDITIONS, *OTHER_CONDITIONS),
    care,
    scores(),
    imaging,
    st.one_of(orders, refusals),
    st.one_of(pregnancies, allergies, coverages, unused),
    procedures(*NOT_TREATMENT, *OPERATIONS),
    conditions(*SOFT_FLAGS[:2], *COMPETING),
    conditions(*SOFT_FLAGS),
    conditions(*HARD_FLAGS),
)


@st.composite
def beside(draw: st.DrawFn, most: int) -> list[AnyFact]:
    """Up to `most` facts of a few kinds only, so that facts of one kind meet."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3))
    return draw(st.lists(st.one_of(kinds), max_size=most))
