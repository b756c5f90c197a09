"""Partial dates: an interval clipped to the day asked for, of which the two ends are tried in turn.

Source: pathway section 1 (three truth values) and section 8 (no birthDate).
"""

from collections.abc import Callable, Iterable
from datetime import date
from itertools import product
from typing import NamedTuple

from msgspec.structs import replace

from referral_service.core.dates import ENDLESS, LONG_AGO, When, add_months, on
from referral_service.core.episode import ACTIVE
from referral_service.core.flags import FLAG_ROLES, first_recorded
from referral_service.core.pathway import Pathway
from referral_service.core.record import DENIED, REPORTED, is_operation, qualifies
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
)

_FIELDS: dict[type, tuple[str, ...]] = {
    Person: ("birth", "died"),
    Condition: ("onset", "recorded", "abated"),
    Procedure: ("start", "end"),
    Medication: ("start", "end"),
    Refusal: ("at", "until"),
    **dict.fromkeys((Score, Imaging, Order, PregnancyStatus, Allergy), ("at",)),
}
_SPANS: dict[type, tuple[str, str]] = {
    Person: ("birth", "died"),
    Condition: ("onset", "abated"),
    Procedure: ("start", "end"),
    Medication: ("start", "end"),
    Refusal: ("at", "until"),
}
_DECIDE_NOTHING = frozenset({"noted", "exclusion", "ambiguous", "plan_not_treatment", "treatment_evaluation"})
_DELIVERED = frozenset({"completed", "in-progress"})
_MOST_TRIED = 50  # each costs two decisions
Facts = tuple[AnyFact, ...]


class Sight(NamedTuple):
    """What one choice of dates comes to: whether anybody would be referred, and all that shows of it."""

    refers: bool
    shown: object


class Settler:
    """The facts of one patient, and for each day the ways in which their partial dates may be meant."""

    def __init__(self, facts: Iterable[AnyFact], pathway: Pathway) -> None:
        """A patient whose Patient has not arrived has an unknown birthDate."""
        read = [f for f in facts if type(f) in _FIELDS or type(f) is Coverage]
        if not any(isinstance(f, Person) for f in read):
            read.append(Person(source="Patient/unknown"))
        self._limit = pathway.numbers.partial_dates.value
        self._adult_months = pathway.numbers.adult_months
        standing = (f for f in read if isinstance(f, Condition) and f.verification not in DENIED)
        self._recorded = first_recorded(standing)
        loose = [self._is_loose(f) for f in read]
        self._loose = [f for f, is_loose in zip(read, loose, strict=True) if is_loose]
        self.firm = tuple(f for f, is_loose in zip(read, loose, strict=True) if not is_loose)

    def moves(self, day: int) -> bool:
        """Whether a date may be meant as a later day than `day`: a partial one, or none at all."""
        return any(self._is_undated(fact, day) for fact in self._loose) or any(
            when.earliest.toordinal() <= day < when.latest.toordinal()
            for fact in self._loose
            for when in _partial_dates(fact)
        )

    def variants(self, day: int, look: Callable[[Facts], Sight]) -> list[Facts]:
        """Every combination of ends of what is not `firm`; beyond the limit all earliest and all latest.

        Where both of these would refer, the dates that decide are tried in every combination all the same, if
        they are few: dates that nothing rests on must not be the reason for a referral.
        """
        ends = [self._ends(fact, day) for fact in self._loose]
        apart = [number for number, end in enumerate(ends) if len(end) > 1]
        if len(apart) <= self._limit:
            return list(product(*ends))
        earliest, latest = tuple(end[0] for end in ends), tuple(end[-1] for end in ends)
        seen = look(earliest), look(latest)
        if len(apart) > _MOST_TRIED or not all(one.refers for one in seen):
            return [earliest, latest]

        def shows(number: int) -> bool:
            later, sooner = _put(earliest, number, ends[number][-1]), _put(latest, number, ends[number][0])
            return (look(later), look(sooner)) != seen

        deciding = [number for number in apart if shows(number)]
        if len(deciding) > self._limit:
            return [earliest, latest]
        tried = [end if number in deciding else end[:1] for number, end in enumerate(ends)]
        return [*product(*tried), latest]

    def _ends(self, fact: AnyFact, day: int) -> tuple[AnyFact, ...]:
        today = date.fromordinal(day)
        if isinstance(fact, Person):
            fact = self._with_birth(fact, day)
        elif self._is_undated(fact, day):
            fact = replace(fact, **{_FIELDS[type(fact)][0]: When(LONG_AGO, today)})
        fact = _in_order(fact)
        first = {name: on(when.earliest) for name, when in _dates(fact)}
        last = {name: on(max(when.earliest, min(when.latest, today))) for name, when in _dates(fact)}
        earliest, latest = replace(fact, **first), replace(fact, **last)
        return (earliest,) if earliest == latest else (earliest, latest)

    def _is_undated(self, fact: AnyFact, day: int) -> bool:
        """What may open an episode, be a flag, reset a trial or hold it, and nothing says since when."""
        if isinstance(fact, PregnancyStatus):
            return fact.at is None and fact.is_pregnant
        if isinstance(fact, Procedure):
            return fact.start is None and fact.status == "completed" and is_operation(fact)
        if not isinstance(fact, Condition) or fact.onset is not None or fact.recorded is not None:
            return False
        return any(
            qualifies(m)
            or (m.role.startswith(FLAG_ROLES) and self._recorded.get((m.concept, m.region), ENDLESS) > day)
            for m in fact.meanings
        )

    def _is_loose(self, fact: AnyFact) -> bool:
        """Whether a date of it that may decide is not one day."""
        if isinstance(fact, Person):
            return fact.birth is None or bool(_partial_dates(fact))
        return (self._is_undated(fact, 0) or bool(_partial_dates(fact))) and _may_decide(fact)

    def _with_birth(self, person: Person, day: int) -> Person:
        """An unknown birth may be long ago or today; one that is adult either way need not be exact."""
        if person.birth is None:
            return replace(person, birth=When(LONG_AGO, date.fromordinal(day)))
        if add_months(person.birth.latest.toordinal(), self._adult_months) <= day:
            return replace(person, birth=on(person.birth.earliest))
        return person


def _put(facts: Facts, number: int, fact: AnyFact) -> Facts:
    return (*facts[:number], fact, *facts[number + 1 :])


def _in_order(fact: AnyFact) -> AnyFact:
    """Its dates without what would put an end before its beginning: nothing can have been so."""
    began, ended = (getattr(fact, name, None) for name in _SPANS.get(type(fact), ("", "")))
    if began is None or ended is None or ended.latest < began.earliest:
        return fact
    begin, end = _SPANS[type(fact)]
    return replace(
        fact,
        **{
            begin: When(began.earliest, min(began.latest, ended.latest)),
            end: When(max(ended.earliest, began.earliest), ended.latest),
        },
    )


def _dates(fact: AnyFact) -> list[tuple[str, When]]:
    return [(name, when) for name in _FIELDS.get(type(fact), ()) if (when := getattr(fact, name)) is not None]


def _partial_dates(fact: AnyFact) -> list[When]:
    partial = [(name, when) for name, when in _dates(fact) if when.earliest != when.latest]
    if partial and isinstance(fact, Condition) and not _reads_recording(fact):
        return [when for name, when in partial if name != "recorded"]
    return [when for _, when in partial]


def _reads_recording(condition: Condition) -> bool:
    """Whether its recording may decide: without onset, status or end; or as the first of a flag's concept."""
    flagged = any(m.role.startswith("red_flag") for m in condition.meanings)
    has_no_end = condition.clinical not in ACTIVE and condition.abated is None
    return flagged or condition.onset is None or condition.clinical is None or has_no_end


def _may_decide(fact: AnyFact) -> bool:
    if not _counts(fact):
        return False
    if isinstance(fact, Imaging) and fact.findings:
        return True
    meanings = getattr(fact, "meanings", None)
    return meanings is None or any(m.role not in _DECIDE_NOTHING for m in meanings)


def _counts(fact: AnyFact) -> bool:
    """Whether it is what it says, by its status alone."""
    match fact:
        case Condition():
            return fact.verification not in DENIED
        case Procedure():
            return fact.status in _DELIVERED or fact.declined or fact.contraindicated
        case Medication():
            return fact.is_given
        case Score() | Imaging():
            return fact.status in REPORTED
        case _:
            return getattr(fact, "status", "") != "entered-in-error" and getattr(fact, "is_active", True)
