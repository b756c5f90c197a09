"""Whole charts: care that failed, or nearly, in one or two regions, with anything else beside it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from hypothesis import strategies as st
from msgspec.structs import replace

from referral_service.core.dates import When
from referral_service.core.timeline import (
    AnyFact,
    Condition,
    Imaging,
    Medication,
    Person,
    Procedure,
    Score,
    Timeline,
)
from tests.kit.strategies import (
    CERVICAL_CONDITIONS,
    LUMBAR_CONDITIONS,
    VALUES,
    Facts,
    beside,
    persons,
)
from tests.kit.words import AS_OF, at, meant, tied

ADULT = Person(source="Patient/p", birth=at(-18_000))
FUNCTION = {"lumbar": "odi_score", "cervical": "ndi_score"}
CARED_FOR = ((), ("lumbar",), ("lumbar",), ("cervical",), ("lumbar", "cervical"))
CODED = {"lumbar": LUMBAR_CONDITIONS, "cervical": CERVICAL_CONDITIONS}


def numbered(facts: Iterable[AnyFact]) -> Facts:
    """The facts, each with a source of its own: "Condition/0", "Condition/1", "Procedure/0"."""
    seen: Counter[str] = Counter()
    found = []
    for fact in facts:
        kind = type(fact).__name__
        found.append(fact if fact.source else replace(fact, source=f"{kind}/{seen[kind]}"))
        seen[kind] += 1
    return tuple(found)


def dates_of(fact: AnyFact) -> dict[str, When]:
    """The dates of a fact by the name of their field."""
    return {name: when for name in fact.__struct_fields__ if isinstance(when := getattr(fact, name), When)}


def is_exact(fact: AnyFact) -> bool:
    """Whether none of its dates is partial."""
    return all(when.is_exact for when in dates_of(fact).values())


def at_one_end(fact: AnyFact, as_of: date, latest: bool = False) -> AnyFact:
    """The fact with its partial dates meant as the earliest, or the latest day that has come by `as_of`."""
    meant_as = {
        name: max(when.earliest, min(when.latest, as_of)) if latest else when.earliest
        for name, when in dates_of(fact).items()
    }
    return replace(fact, **{name: When(found, found) for name, found in meant_as.items()})


def condition(meaning: object, onset: int, **more: object) -> Condition:
    """An active, confirmed diagnosis."""
    said = {"clinical": "active", "verification": "confirmed", **more}
    return Condition(source=str(said.pop("source", "")), meanings=(meaning,), onset=at(onset), **said)


def visit(concept: str, on: int, *regions: str) -> Procedure:
    """A treatment on one day."""
    return Procedure(
        source="", meanings=(meant(concept),), status="completed", start=at(on), tie=tied(*regions)
    )


def drug(first: int, last: int, *regions: str, concept: str = "med_nsaid") -> Medication:
    """Medication from one day to another."""
    return Medication(
        source="",
        meanings=(meant(concept),),
        status="completed",
        is_given=True,
        is_order=True,
        start=at(first),
        end=at(last),
        tie=tied(*regions),
    )


def score(concept: str, value: int, on: int, *regions: str, unit: str | None = "%") -> Score:
    """A final value."""
    return Score(
        source="",
        concept=concept,
        value=Decimal(value),
        unit=unit,
        at=at(on),
        status="final",
        tie=tied(*regions),
    )


def mri(on: int, *regions: str) -> Imaging:
    """A final report."""
    return Imaging(source="", meanings=(meant("mri"),), at=at(on), status="final", tie=tied(*regions))


WORN = condition(meant("disc_degeneration", "lumbar"), -210)
# Flat function after 28 weeks: exhausted, intradiscal.
EXHAUSTED: Facts = (
    WORN,
    *(visit("physical_therapy", -200 + 7 * i, "lumbar") for i in range(28)),
    drug(-200, -10, "lumbar"),
    score("odi_score", 48, -200, "lumbar"),
    score("odi_score", 48, -5, "lumbar"),
    mri(-30, "lumbar"),
)


@st.composite
def failed_care(draw: st.DrawFn, region: str = "lumbar") -> list[AnyFact]:
    """Care of one region that is exhausted, or just not: therapy, a second modality, scores, an MRI."""
    step = draw(st.sampled_from((7, 5, 14, 15, 3, 30)))
    last = draw(st.sampled_from((-7, -1, -13, -14, -15, -30, -60, -61)))
    visits = draw(st.sampled_from((14, 12, 7, 6, 5)))
    first = last - step * (visits - 1)
    waited = draw(st.sampled_from((30, 0, 1, 89, 90, 200)))
    coded = [draw(st.sampled_from(CODED[region]))]
    if draw(st.booleans()):
        coded.append(draw(st.sampled_from(CODED[region])))
    facts: list[AnyFact] = [condition(meaning, first - waited) for meaning in coded]
    facts += [visit("physical_therapy_active", last - step * i, region) for i in range(visits)]
    facts += draw(
        st.sampled_from(
            (
                (drug(first, last, region),),
                (drug(first - 30, first + 13, region), visit("home_exercise", first, region)),
                tuple(visit("massage", first + i, region) for i in (0, 3, 6)),
                (visit("epidural_injection", first + 10, region),),
                (),
            )
        )
    )
    for concept in draw(
        st.sampled_from(((FUNCTION[region],), (FUNCTION[region], "pain_nrs_0_10"), ("pain_vas",)))
    ):
        before = draw(st.sampled_from(VALUES[concept][:3]))
        after = draw(st.sampled_from((before, before, *VALUES[concept])))
        facts.append(score(concept, before, first + draw(st.sampled_from((0, -30, -31, 5, 31))), region))
        facts.append(score(concept, after, draw(st.sampled_from((-3, -30, -59, -60, -61))), region))
    facts.append(mri(draw(st.sampled_from((-30, -200, -364, -365, -366))), region))
    return facts


@st.composite
def charts(draw: st.DrawFn, noise: int = 6, cared_for: Sequence[tuple[str, ...]] = CARED_FOR) -> Facts:
    """One patient: failed care of some regions, and up to `noise` other facts of any kind.

    Two in three have exact dates only.
    """
    cared = draw(st.sampled_from(cared_for))
    facts: list[AnyFact] = [fact for region in cared for fact in draw(failed_care(region))]
    if draw(st.sampled_from((True,) * 9 + (False,))):
        facts.append(draw(persons))
    others = draw(beside(noise if cared else noise * 2))
    if draw(st.sampled_from((True, True, False))):
        others = [at_one_end(fact, AS_OF) for fact in others]
    facts += others
    return numbered(facts)


def timeline(*facts: AnyFact) -> Timeline:
    """The facts in their total order."""
    return Timeline.of(numbered(facts))
