"""One patient's facts made ready to be asked: sorted by kind, tied to regions, partial dates settled.

A record depends on the facts and the pathway, never on the day that is asked for, so that all days which
`wake_on` tries share it.
"""

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from referral_service.core.dates import ENDLESS
from referral_service.core.pathway import Pathway
from referral_service.core.timeline import (
    Allergy,
    AnyFact,
    Condition,
    Coverage,
    Imaging,
    Meaning,
    Medication,
    Order,
    Person,
    PregnancyStatus,
    Procedure,
    Refusal,
    Score,
    Tie,
)

Kind = TypeVar("Kind", bound=AnyFact)
REGIONS = ("cervical", "thoracic", "lumbar")
DENIED = frozenset({"refuted", "entered-in-error"})
REPORTED = frozenset({"final", "amended", "corrected"})
_SPINE_ROLES = (
    "qualifying_condition",
    "surgical_structural",
    "related_condition",
    "supporting_condition",
    "red_flag_structural",
    "red_flag_hard",
    "prior_surgery",
)
_KIND_OF_STEP: dict[int | None, str] = {1: "self", 4: "injection"}
_KIND_ORDER = ("active", "manual", "injection", "self", "passive")


def is_spine(meaning: Meaning) -> bool:
    """Whether a reason of this meaning is a spine reason."""
    return meaning.role.startswith(_SPINE_ROLES)


def qualifies(meaning: Meaning) -> bool:
    """Whether a Condition of this meaning may open an episode."""
    return meaning.role.startswith("qualifying_condition") or meaning.role == "surgical_structural"


def is_operation(procedure: Procedure) -> bool:
    """Whether it is spine surgery, done or not."""
    return any(m.role == "prior_surgery" for m in procedure.meanings)


def _is_intradiscal(procedure: Procedure) -> bool:
    return any(m.role == "prior_or_target_intradiscal" for m in procedure.meanings)


class Place(NamedTuple):
    """Where a fact belongs: its regions; `elsewhere` for another body part; neither when tied to nothing."""

    regions: frozenset[str]
    elsewhere: bool = False

    @property
    def is_untied(self) -> bool:
        """Tied to nothing: it counts for the only open episode."""
        return not self.regions and not self.elsewhere

    def belongs(self, region: str, with_untied: bool) -> bool:
        """Whether the fact counts for the region."""
        return region in self.regions or (with_untied and self.is_untied)


class Treatment(NamedTuple):
    """A delivered treatment: its kind (active, manual, injection, self, passive), first and last day."""

    fact: Procedure
    place: Place
    kind: str
    start: int
    end: int

    @property
    def is_course(self) -> bool:
        """A period of more than one day, of which the visits are not known."""
        return self.end > self.start


class Record:
    """The facts of one patient by kind, with the pathway that they are judged by."""

    def __init__(self, facts: Iterable[AnyFact], pathway: Pathway) -> None:
        """`facts` have exact dates (see `referral_service.core.settle`)."""
        self.pathway = pathway
        self._by_kind: dict[type, list[Any]] = {}
        for fact in facts:
            self._by_kind.setdefault(type(fact), []).append(fact)
        self.all_conditions = self._of(Condition)
        self.conditions = [c for c in self.all_conditions if c.verification not in DENIED]
        self.confirmed = [c for c in self.conditions if c.verification in (None, "confirmed")]
        self.procedures = self._of(Procedure)
        self._places: dict[Tie, Place] = {}

    def _of(self, kind: type[Kind]) -> list[Kind]:
        return self._by_kind.get(kind, [])

    @cached_property
    def person(self) -> Person | None:
        """Birth and death, if the Patient has arrived."""
        return next(iter(self._of(Person)), None)

    @cached_property
    def pregnancies(self) -> list[PregnancyStatus]:
        """Usable observations of pregnancy status with a day."""
        return [f for f in self._of(PregnancyStatus) if f.at and f.status in REPORTED]

    @cached_property
    def refusals(self) -> list[Refusal]:
        """Recorded refusals."""
        return self._of(Refusal)

    @cached_property
    def allergies(self) -> list[Allergy]:
        """Active allergies."""
        return [f for f in self._of(Allergy) if f.is_active]

    @cached_property
    def is_veteran(self) -> bool:
        """Whether an active coverage is the VA's."""
        return any(f.is_veteran and f.is_active for f in self._of(Coverage))

    @cached_property
    def _by_source(self) -> dict[str, Condition]:
        return {c.source: c for c in self.conditions}

    def place(self, tie: Tie) -> Place:
        """By code or body site, else by reason; of several reasons a spine reason decides."""
        known = self._places.get(tie)
        if known is None:
            known = self._places[tie] = self._resolve(tie)
        return known

    def _resolve(self, tie: Tie) -> Place:
        if tie.regions or tie.elsewhere:
            return Place(frozenset(tie.regions), not tie.regions)
        regions, spine, elsewhere = self.reasons(tie)
        return Place(regions, bool(not regions and not spine and elsewhere))

    def reasons(self, tie: Tie) -> tuple[frozenset[str], bool, bool]:
        """The regions that its reasons name, whether one is of the spine, whether one is of another part."""
        regions = set(tie.reason_regions)
        spine, elsewhere = tie.reason_spine or bool(regions), tie.reason_elsewhere
        for source in tie.reason_sources:
            if condition := self._by_source.get(source):
                regions.update(m.region for m in condition.meanings if m.region)
                spine = spine or any(is_spine(m) for m in condition.meanings)
                elsewhere = elsewhere or condition.elsewhere
        return frozenset(regions), spine, elsewhere

    def kind(self, procedure: Procedure) -> str | None:
        """Which kind of treatment a procedure is, or None for what is no treatment."""
        kinds = set()
        for meaning in procedure.meanings:
            if meaning.role == "treatment_passive":
                kinds.add("passive")
            elif meaning.role == "treatment":
                is_active = meaning.concept in self.pathway.concepts.active_therapy
                kinds.add("active" if is_active else _KIND_OF_STEP.get(meaning.step, "manual"))
        return next((kind for kind in _KIND_ORDER if kind in kinds), None)

    @cached_property
    def treatments(self) -> list[Treatment]:
        """Delivered treatments with a day, of every region, oldest first."""
        found = []
        for procedure in self.procedures:
            kind = self.kind(procedure)
            if kind and procedure.start and procedure.status in ("completed", "in-progress"):
                place = self.place(procedure.tie)
                found.append(Treatment(procedure, place, kind, procedure.start.day, last_day(procedure)))
        return sorted(found, key=lambda t: (t.start, t.end, t.fact.source))

    @cached_property
    def undated(self) -> list[Treatment]:
        """Delivered treatments whose date cannot be read."""
        return [
            Treatment(p, self.place(p.tie), kind, 0, 0)
            for p in self.procedures
            if p.start is None and p.status in ("completed", "in-progress") and (kind := self.kind(p))
        ]

    @cached_property
    def medications(self) -> list[tuple[Medication, Place, int, int]]:
        """Medication given, with its place and its first and last covered day."""
        found = []
        for fact in self._of(Medication):
            if fact.is_given and fact.start:
                found.append((fact, self.place(fact.tie), fact.start.day, self._last_covered(fact)))
        return sorted(found, key=lambda m: (m[2], m[0].source))

    @cached_property
    def undated_medications(self) -> list[tuple[Medication, Place]]:
        """Medication given on days that nothing tells."""
        return [(f, self.place(f.tie)) for f in self._of(Medication) if f.is_given and f.start is None]

    def _last_covered(self, medication: Medication) -> int:
        assert medication.start
        if medication.runs_on:
            return ENDLESS
        if medication.end:
            return medication.end.day
        days = self.pathway.numbers.order_covers.value if medication.is_order else 1
        return medication.start.day + days - 1

    @cached_property
    def operations(self) -> list[tuple[Procedure, Place]]:
        """Completed spine surgery."""
        return self._completed(is_operation)

    @cached_property
    def intradiscal(self) -> list[tuple[Procedure, Place]]:
        """Completed intradiscal treatment."""
        return self._completed(_is_intradiscal)

    def _completed(self, is_wanted: Callable[[Procedure], bool]) -> list[tuple[Procedure, Place]]:
        return [(p, self.place(p.tie)) for p in self.procedures if p.status == "completed" and is_wanted(p)]

    @cached_property
    def scores(self) -> list[tuple[Score, Place]]:
        """Usable values with a day and an instrument, oldest first."""
        found = []
        for fact in self._of(Score):
            if fact.at and fact.status in REPORTED:
                name = self.pathway.instrument_of.get(fact.concept)
                if name:
                    regions = self.pathway.instruments[name].regions
                    place = Place(frozenset(regions)) if regions else self.place(fact.tie)
                    found.append((fact, place))
        return sorted(found, key=lambda s: (s[0].at.day if s[0].at else 0, s[0].source, s[0].part))

    @cached_property
    def imaging(self) -> list[tuple[Imaging, Place]]:
        """Final reports and findings with a day, oldest first."""
        found = [(f, self.place(f.tie)) for f in self._of(Imaging) if f.at and f.status in REPORTED]
        return sorted(found, key=lambda i: (i[0].at.day if i[0].at else 0, i[0].source))

    @cached_property
    def orders(self) -> list[Order]:
        """Referrals made by people that are still open."""
        return [
            f
            for f in self._of(Order)
            if not f.is_ours and f.intent == "order" and f.status in ("active", "on-hold")
        ]


def last_day(procedure: Procedure) -> int:
    """The last day of a procedure with a start; one that goes on has none."""
    assert procedure.start
    if procedure.end:
        return max(procedure.end.day, procedure.start.day)
    if procedure.is_open and procedure.status == "in-progress":
        return ENDLESS
    return procedure.start.day
