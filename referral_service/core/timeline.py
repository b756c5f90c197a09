"""Facts about one patient, dated twice (`at`: true of the patient; `known_at`: known to us), and their order.

A fact says what one version of one resource means in the pathway's words. It is read once, at the door, by
`referral_service.fhir.read`; it holds no policy number and no judgement that depends on another fact.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from referral_service.core.dates import When


class Meaning(msgspec.Struct, frozen=True):
    """What a code stands for: our concept, the spinal region it names (if any), its role, step and detail."""

    concept: str
    region: str | None
    role: str
    step: int | None = None
    detail: str | None = None


class Tie(msgspec.Struct, frozen=True, omit_defaults=True):
    """What ties a fact to a region: its code or body site (`regions`, `elsewhere`), else its reasons.

    `reason_sources` are references ("Condition/1") that are looked up when the question is asked, because a
    reason may arrive after the treatment that names it.
    """

    regions: tuple[str, ...] = ()
    elsewhere: bool = False
    reason_regions: tuple[str, ...] = ()
    reason_spine: bool = False
    reason_elsewhere: bool = False
    reason_sources: tuple[str, ...] = ()


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=True, omit_defaults=True):
    """What every fact has: the resource version it was read from, and when we learned of it.

    `is_modified`: its resource has a modifier that nobody here knows. It warns, and explains nothing away.
    """

    source: str
    version: str = "1"
    part: int = 0
    known_at: datetime | None = None
    is_modified: bool = False

    @property
    def evidence(self) -> str:
        """The versioned reference of the resource: "Procedure/7/_history/2"."""
        return f"{self.source}/_history/{self.version}"


class Person(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """Birth and death."""

    birth: When | None = None
    died: When | None = None
    is_deceased: bool = False


class Condition(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A diagnosis: `codes` as sent (system, code). `elsewhere`: of another body part.

    `is_follow_up`: a fracture's later encounter.
    """

    meanings: tuple[Meaning, ...] = ()
    codes: tuple[tuple[str, str], ...] = ()
    elsewhere: bool = False
    onset: When | None = None
    recorded: When | None = None
    abated: When | None = None
    is_abated: bool = False
    clinical: str | None = None
    verification: str | None = None
    categories: tuple[str, ...] = ()
    is_follow_up: bool = False


class Procedure(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A treatment or operation, done or not. `end` of a period; `is_open` when a period has none."""

    meanings: tuple[Meaning, ...] = ()
    status: str
    start: When | None = None
    end: When | None = None
    is_open: bool = False
    tie: Tie = Tie()
    declined: bool = False
    contraindicated: bool = False


class Medication(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A drug ordered or used. `is_given` when intent and status make it count; `runs_on` without an end."""

    meanings: tuple[Meaning, ...] = ()
    status: str
    is_given: bool
    is_order: bool
    start: When | None = None
    end: When | None = None
    runs_on: bool = False
    tie: Tie = Tie()


class Score(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """One value of one outcome measure; `unit` as sent (its code, else its text), or None."""

    concept: str
    value: Decimal
    unit: str | None = None
    at: When | None = None
    status: str
    tie: Tie = Tie()


class Imaging(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """An imaging report (`meanings`) or a coded finding of one observation; `findings` are concepts."""

    meanings: tuple[Meaning, ...] = ()
    findings: tuple[str, ...] = ()
    at: When | None = None
    status: str
    tie: Tie = Tie()

    @property
    def is_report(self) -> bool:
        """Whether it is a report, of imaging or not, rather than an observation's finding."""
        return bool(self.meanings) or self.source.startswith("DiagnosticReport/")


class Order(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A ServiceRequest as sent to us; `is_ours` when it carries our referral identifier."""

    meanings: tuple[Meaning, ...] = ()
    status: str
    intent: str
    is_ours: bool = False
    at: When | None = None
    tie: Tie = Tie()


class Refusal(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A recorded refusal (an active Consent that denies), from `at` to `until`, where it says so."""

    meanings: tuple[Meaning, ...]
    at: When | None = None
    until: When | None = None


class PregnancyStatus(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """An observation of pregnancy status."""

    is_pregnant: bool
    status: str
    at: When | None = None


class Allergy(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """An allergy or intolerance; `is_active` unless inactive, resolved or refuted."""

    meanings: tuple[Meaning, ...]
    is_active: bool
    at: When | None = None


class Coverage(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """An insurance; `is_veteran` when it is the VA's."""

    is_veteran: bool
    is_active: bool


class Unused(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A resource that says nothing the pathway reads; `reason` says why it is left out."""

    reason: str


AnyFact = (
    Person
    | Condition
    | Procedure
    | Medication
    | Score
    | Imaging
    | Order
    | Refusal
    | PregnancyStatus
    | Allergy
    | Coverage
    | Unused
)


class Timeline(msgspec.Struct, frozen=True):
    """All current facts of one patient, in their total order, so that arrival order means nothing."""

    facts: tuple[AnyFact, ...] = ()

    @classmethod
    def of(cls, facts: Iterable[AnyFact], known_at: datetime | None = None) -> "Timeline":
        """The newest version of every source known by `known_at` (None: all that is known)."""
        kept = [f for f in facts if known_at is None or f.known_at is None or f.known_at <= known_at]
        newest: dict[str, _Rank] = {}
        for fact in kept:
            rank = _rank(fact)
            if fact.source not in newest or rank > newest[fact.source]:
                newest[fact.source] = rank
        unique = {(f.source, f.part): f for f in kept if newest[f.source] == _rank(f)}
        return cls(tuple(unique[key] for key in sorted(unique)))


_Rank = tuple[float, int, str]


def _rank(fact: Fact) -> _Rank:
    """Which receipt of a source is the newer: known later, else of a higher version."""
    seconds = fact.known_at.timestamp() if fact.known_at else 0.0
    return (seconds, int(fact.version) if fact.version.isdigit() else 0, fact.version)
