"""A decision and everything it carries: outcome, target, reasons, criteria, evidence, and `wake_on`."""

from datetime import date
from typing import Final, Literal, NamedTuple

import msgspec

from referral_service.core.dates import LONG_AGO

Outcome = Literal[
    "urgent",
    "on-hold",
    "no-qualifying-condition",
    "not-started",
    "in-trial",
    "responding",
    "review",
    "exhausted",
]
Target = Literal["intradiscal", "surgical"]
Status = Literal["met", "not-met", "unknown", "waived"]


class Criterion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One criterion, its truth value, what was measured against which threshold, and on what it rests."""

    id: str
    status: Status
    value: int | str | None = None
    unit: str | None = None
    threshold: int | None = None
    source: str = ""
    evidence: tuple[str, ...] = ()


class RedFlag(NamedTuple):
    """A red flag that stands: its concept, its day if it is exact, the Condition, and what it is by itself.

    `reason` is `red-flag-hard`, `red-flag-soft`, or `possible-red-flag` for one that a human has to judge.
    `region` is what its code names.
    """

    concept: str
    day: date | None
    source: str
    reason: str
    region: str | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is decided for one episode (or, with `region` None, for a patient without one).

    Days are local days. `evidence` and `conditions` are references; `evidence` is versioned. `conditions` are
    the episode's active ones, `chain` all of its. `flag_regions` are those that hard flags name, the gravest
    flag's first.
    `is_history`: an earlier, closed episode of a region that had a later one. `left_out` pairs a fact with
    its reason. `needs` are the smallest missing pieces with their number, `earliest_on` the day on which the
    trial could be complete at its recorded pace. `route` is the line of the route's table that applied, once
    the route was asked for.
    """

    region: str | None
    outcome: Outcome
    reasons: tuple[str, ...]
    target: Target | None = None
    trial_class: Literal["acute", "chronic"] | None = None
    episode_start: date | None = None
    trial_start: date | None = None
    wake_on: date | None = None
    route: str | None = None
    priority: Literal["routine", "urgent", "stat"] = "routine"
    criteria: tuple[Criterion, ...] = ()
    missing: tuple[str, ...] = ()
    needs: tuple[tuple[str, int], ...] = ()
    earliest_on: date | None = None
    conditions: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    flags: tuple[RedFlag, ...] = ()
    flag_regions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    is_open: bool = False
    is_history: bool = False

    @property
    def begun_on(self) -> date | None:
        """`episode_start`, unless nothing dates the episode."""
        return None if self.episode_start == LONG_AGO else self.episode_start

    @property
    def answer(self) -> tuple[str, str | None, frozenset[str]]:
        """What two decisions are compared by."""
        return (self.outcome, self.target, frozenset(self.reasons))


# Of an episode that nothing tells of any more.
SAYS_NOTHING: Final = Decision(region=None, outcome="no-qualifying-condition", reasons=())
