"""The policy as types: numbers with their source, instruments, concept groups, red flags. No unknown key."""

from collections.abc import Iterable
from decimal import Decimal
from functools import cached_property
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Strict(BaseModel):
    """A part of the policy file: immutable, and refusing keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Number(Strict):
    """One number of the policy, its unit (UCUM where there is one), source and clinical owner."""

    value: int = Field(ge=0)
    unit: str = Field(min_length=1)
    source: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    assumption: bool = False


class Fraction(Strict):
    """A number that is a part of one."""

    value: Decimal = Field(gt=0, lt=1)
    unit: str = Field(min_length=1)
    source: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    assumption: bool = False


class Numbers(Strict):
    """Every number of the pathway; days unless the unit says otherwise."""

    acute_minimum: Number
    acute_maximum: Number
    chronic_minimum: Number
    chronic_maximum: Number
    chronic_after: Number
    visit_covers: Number
    gap_ends_trial: Number
    order_covers: Number
    active_visits: Number
    active_covered: Number
    active_within: Number | None = None
    modalities_needed: Number
    medication_covered: Number
    manual_visits: Number
    injections: Number
    self_management: Number
    injections_required: Number
    recency: Number
    imaging_within: Number
    active_without_status: Number
    baseline_within: Number
    latest_within: Number
    relative_change: Fraction
    rebound_cycles: Number
    rebound_best_within: Number
    rebound_within: Number
    flag_new_within: Number
    soft_groups_needed: Number
    pregnancy_within: Number
    adult_age: Number
    post_operative: Number
    recent_injection: Number
    opioid_noted_after: Number
    accepted_within: Number
    booked_within: Number
    seen_within: Number
    report_within: Number
    wake_within: Number
    partial_dates: Number

    @property
    def adult_months(self) -> int:
        """The age of an adult, in calendar months."""
        return self.adult_age.value * 12

    @model_validator(mode="after")
    def _minimum_below_maximum(self) -> Self:
        for kind in ("acute", "chronic"):
            if getattr(self, f"{kind}_minimum").value > getattr(self, f"{kind}_maximum").value:
                raise ValueError(f"numbers.{kind}_minimum is above numbers.{kind}_maximum")
        return self


class Instrument(Strict):
    """One outcome measure: its concepts, range, direction and smallest important change."""

    kind: Literal["pain", "function"]
    concepts: tuple[str, ...] = Field(min_length=1)
    low: Decimal
    high: Decimal
    better: Literal["lower", "higher"] = "lower"
    scale: Literal["points", "percent", "millimetre"] = "points"
    regions: tuple[str, ...] = ()
    important_change: Number | None = None
    persistent_from: Number | None = None

    @model_validator(mode="after")
    def _low_below_high(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low is not below high")
        return self


class Concepts(Strict):
    """The pathway's words, each a set of concepts of the terminology."""

    active_therapy: frozenset[str]
    medication_credited: frozenset[str]
    required_injection: frozenset[str]
    opioid: frozenset[str]
    oral_steroid: frozenset[str]
    anticoagulant: frozenset[str]
    imaging_report: frozenset[str]
    degeneration: frozenset[str]
    displacement: frozenset[str]
    annular_defect: frozenset[str]
    disc_with_radiculopathy: frozenset[str]
    radiculopathy_or_sciatica: frozenset[str]
    stenosis: frozenset[str]
    spondylosis: frozenset[str]
    instability_or_deformity: frozenset[str]
    extrusion: frozenset[str]
    progression: frozenset[str]
    traumatic_rupture: frozenset[str]
    fibrin_allergy: frozenset[str]
    surgical_referral: frozenset[str]
    intradiscal_referral: frozenset[str]
    generic_referral: frozenset[str]


class RedFlags(Strict):
    """Which hard flags are stat or for medical assessment; soft flags in groups, and what explains them."""

    stat: frozenset[str]
    medical: frozenset[str]
    soft_groups: dict[str, frozenset[str]]
    urgent_alone: frozenset[str]
    competing: dict[str, frozenset[str]]

    @model_validator(mode="after")
    def _groups_exist(self) -> Self:
        named = self.urgent_alone.union(*self.competing.values())
        if unknown := named - self.soft_groups.keys():
            raise ValueError(f"no soft group is called {', '.join(sorted(unknown))}")
        return self

    @cached_property
    def group_of(self) -> dict[str, str]:
        """Concept to soft group."""
        return {concept: group for group, concepts in self.soft_groups.items() for concept in concepts}


CriterionId = Literal[
    "qualifying-condition",
    "duration-minimum",
    "duration-maximum",
    "active-therapy",
    "second-modality",
    "recency",
    "response",
    "ceiling-sign",
    "imaging",
    "no-hold",
]


class Pathway(Strict):
    """The whole policy, versioned."""

    id: str = Field(min_length=1)
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    title: str = Field(min_length=1)
    numbers: Numbers
    sources: dict[CriterionId, str]
    instruments: dict[str, Instrument]
    concepts: Concepts
    red_flags: RedFlags

    @model_validator(mode="after")
    def _one_instrument_a_concept(self) -> Self:
        listed = [concept for instrument in self.instruments.values() for concept in instrument.concepts]
        if twice := {concept for concept in listed if listed.count(concept) > 1}:
            raise ValueError(f"in two instruments: {', '.join(sorted(twice))}")
        return self

    @cached_property
    def named_concepts(self) -> dict[str, str]:
        """Every concept that the policy names, with the key under which it does."""
        groups: dict[str, Iterable[str]] = {
            **{f"concepts.{name}": getattr(self.concepts, name) for name in Concepts.model_fields},
            **{f"instruments.{name}.concepts": it.concepts for name, it in self.instruments.items()},
            **{f"red_flags.soft_groups.{name}": it for name, it in self.red_flags.soft_groups.items()},
            "red_flags.stat": self.red_flags.stat,
            "red_flags.medical": self.red_flags.medical,
            "red_flags.competing": self.red_flags.competing,
        }
        return {concept: key for key, concepts in groups.items() for concept in concepts}

    @cached_property
    def instrument_of(self) -> dict[str, str]:
        """Concept of a score to the name of its instrument."""
        return {concept: name for name, it in self.instruments.items() for concept in it.concepts}
