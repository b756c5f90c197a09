"""What is still missing of an open trial, piece by piece, and the earliest day on which it could count.

"At its recorded pace": covered days and active visits go on as often, on average, as since the trial began.
"""

from datetime import date
from math import ceil
from typing import NamedTuple

from referral_service.core.assessment import Assessment
from referral_service.core.table import Verdict

_NOT_ASKED = ("urgent", "exhausted", "responding", "no-qualifying-condition")


class Need(NamedTuple):
    """One missing piece: what, and how many of it."""

    what: str
    amount: int


class Outlook(NamedTuple):
    """The missing pieces, and the first day to come on which duration and core could be met, if any."""

    needs: tuple[Need, ...] = ()
    earliest: date | None = None


def outlook(a: Assessment, verdict: Verdict) -> Outlook:
    """For one open episode."""
    if verdict.outcome in _NOT_ASKED:
        return Outlook()
    needs = (*_of_trial(a), *_of_evidence(a))
    return Outlook(needs, _earliest(a))


def _of_trial(a: Assessment) -> list[Need]:
    numbers = a.numbers
    found = []
    if a.has_minimum != "met" and a.care.trial:
        found.append(Need("covered-days", a.minimum - a.care.days))
    if a.care.active_therapy != "met":
        visits = numbers.active_visits.value - a.care.visit_days("active")[0]
        if visits > 0:
            found.append(Need("active-visits", visits))
        else:
            found.append(Need("active-days", numbers.active_covered.value - a.care.active_covered))
    if a.care.second_modality != "met":
        found.append(Need("modality", 1))
    return found


def _of_evidence(a: Assessment) -> list[Need]:
    found = []
    if not a.response.of("function"):
        found.append(Need("function-score", 1))
    if a.imaging != "met":
        found.append(Need("imaging", 1))
    return found


def _earliest(a: Assessment) -> date | None:
    """The day of the slowest missing piece; None if nothing is missing, or the trial goes on no more."""
    trial = a.care.trial
    if trial is None or a.care.has_ended or a.care.second_modality != "met":
        return None
    elapsed = a.horizon.day - trial.start + 1
    paces = (
        (a.minimum, a.care.days),
        (a.numbers.active_visits.value, a.care.visit_days("active")[0]),
        (a.numbers.active_covered.value, a.care.active_covered),
    )
    wait = 0
    for needed, had in paces:
        if had < needed:
            if not had:
                return None
            wait = max(wait, ceil((needed - had) * elapsed / had))
    return date.fromordinal(a.horizon.day + wait) if wait else None
