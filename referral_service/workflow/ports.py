"""What the verbs need from outside: a Store, a Clock, a Doorbell; and the shapes that cross those borders."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NewType, Protocol

import msgspec

from referral_service.core.brief import Brief
from referral_service.core.person import Identity
from referral_service.core.referral import KeptEpisode, Referral, Urgency
from referral_service.core.timeline import AnyFact
from referral_service.fhir.search.terms import Entry as Term

Tenant = NewType("Tenant", str)
PatientId = NewType("PatientId", str)

DEFAULT_TENANT = Tenant("default")

Episode = KeptEpisode

__all__ = [
    "DEFAULT_TENANT",
    "Chart",
    "Claim",
    "Clock",
    "Doorbell",
    "Episode",
    "Happening",
    "Onlooker",
    "PatientId",
    "Referral",
    "Result",
    "Store",
    "Stored",
    "Tenant",
    "Term",
    "Urgency",
    "Write",
]


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """A new version of one resource. `body` is its JSON with `id`, without versionId and lastUpdated.

    `expected` is the version that must be current (0: must not exist; None: any). A deleted one has no body.
    `is_posted`: the client left the id to us.
    `patient` is the logical id of the patient whose timeline it belongs to, if any. `facts` are None for what
    we emit ourselves: such a write does not make the patient dirty. `is_pressing`: a red flag may be in it.
    `identity` is whom a Patient says it is.
    """

    type: str
    id: str
    body: bytes
    patient: PatientId | None = None
    facts: tuple[AnyFact, ...] | None = None
    terms: tuple[Term, ...] = ()
    expected: int | None = None
    is_deleted: bool = False
    is_posted: bool = False
    is_pressing: bool = False
    identity: Identity | None = None

    @property
    def is_first(self) -> bool:
        """Whether its id was made for it, so that nothing can be stored there yet."""
        return self.is_posted and self.expected == 0


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one resource as the store holds it.

    Of a write: `is_new` unless it changed nothing; `is_created` if there was none before, or a deleted one.
    """

    type: str
    id: str
    version: int
    updated_at: datetime
    body: bytes
    is_deleted: bool = False
    is_posted: bool = False
    is_new: bool = False
    is_created: bool = False


class Happening(msgspec.Struct, frozen=True):
    """One line of the ledger: what was done, to which resource, by whom. `detail` holds no patient data."""

    kind: str
    subject: str
    actor: str
    detail: dict[str, str] = {}


class Claim(msgspec.Struct, frozen=True):
    """A patient leased to one worker: the fencing token, and the count of changes when it was claimed.

    `until` is the end of the lease; `trace` that of the request which made the patient due.
    """

    tenant: Tenant
    patient: PatientId
    token: int
    changes: int
    until: datetime = datetime.max.replace(tzinfo=UTC)
    trace: str | None = None


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """What evaluating one person needs: current facts, remembered episodes and referrals.

    Where several patients are that person, `others` says what is not the claim's patient's: by the source of
    a fact, the id of a GuidanceResponse, the id of a review. Episodes of theirs have keys "patient/key".
    `patients` are all of them, the claim's too.
    """

    claim: Claim
    facts: tuple[AnyFact, ...]
    episodes: tuple[Episode, ...]
    referrals: tuple[Referral, ...]
    others: dict[str, PatientId] = {}
    patients: tuple[PatientId, ...] = ()


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one evaluation, for the instant `as_of`, changes.

    `wake_at` is the first instant at which time alone changes a decision. `pathway` is the version asked.
    `briefs` are of the episodes' decisions, in their order. `others` are the chart's.
    """

    claim: Claim
    writes: tuple[Write, ...] = ()
    episodes: tuple[Episode, ...] = ()
    briefs: tuple[Brief, ...] = ()
    referrals: tuple[Referral, ...] = ()
    happenings: tuple[Happening, ...] = ()
    wake_at: datetime | None = None
    as_of: datetime | None = None
    pathway: str = ""
    others: dict[str, PatientId] = {}


class Clock(Protocol):
    """The only reader of time."""

    def now(self) -> datetime:
        """The instant, UTC, with time zone."""

    def as_of(self) -> datetime:
        """The instant that questions are asked for: `now`, moved by CLOCK_SHIFT."""


class Doorbell(Protocol):
    """Tells a worker that somebody is due; best effort, never blocks or raises, carries no patient data."""

    def ring(self) -> None:
        """Coalesces: many rings in a short while are one message."""


class Onlooker:
    """Sees evaluations from beside, for traces and logs; this one sees nothing."""

    def around(self, chart: Chart, evaluate: Callable[[Chart], Result]) -> Result:
        """Calls `evaluate` once, and gives what it gives, or raises what it raises."""
        return evaluate(chart)

    def failed(self, claim: Claim, error: Exception) -> None:
        """An attempt failed: reading the chart, evaluating it, or saving the result."""


class Store(Protocol):
    """The database. Each method is one transaction; a change without a happening is impossible."""

    def commit(
        self, tenant: Tenant, writes: Sequence[Write], happenings: Sequence[Happening]
    ) -> list[Stored]:
        """Stores all or nothing, durable on return, marks patients dirty; Problem CONFLICT on `expected`.

        A write whose body says the same as the current version's changes nothing, and answers with that.
        """

    def read(self, tenant: Tenant, type: str, id: str, version: int | None = None) -> Stored | None:
        """The current or the given version; a deleted one has `is_deleted`."""

    def claim(self, limit: int, as_of: datetime) -> list[Claim]:
        """Leases up to `limit` patients: dirty, to wake by `as_of`, or last asked for a later instant."""

    def renew(self, claims: Sequence[Claim]) -> None:
        """Makes leases that still hold last as long again, from now; for a batch that takes its time."""

    def load(self, claims: Sequence[Claim]) -> list[Chart]:
        """What evaluating these patients needs, in their order."""

    def save(self, results: Sequence[Result]) -> list[bool]:
        """Accepts each result whose token holds and whose patient has not changed since; else drops it."""

    def fail(self, claim: Claim, category: str) -> bool:
        """Gives the lease back after a failure; parks the patient after the fifth, and says if it did."""
