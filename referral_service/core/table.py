"""The decision table: the first line that applies, with every slug of it whose own condition holds.

Source: pathway section 9. Lines 1 to 4 are asked of the patient, by `referral_service.core.decide`.
"""

from collections.abc import Callable
from typing import NamedTuple

from referral_service.core.assessment import Assessment
from referral_service.core.decision import Outcome, Target

WAITING = ("not-started", "in-trial")


class Verdict(NamedTuple):
    """Outcome, reasons and target of one line."""

    outcome: Outcome
    reasons: tuple[str, ...]
    target: Target | None = None

    @property
    def answer(self) -> tuple[str, str | None, frozenset[str]]:
        """What two decisions are compared by."""
        return (self.outcome, self.target, frozenset(self.reasons))


_UNCLEAR = Verdict("review", ("dates-unclear",))


def _chosen(outcome: Outcome, slugs: dict[str, bool]) -> Verdict | None:
    reasons = tuple(slug for slug, holds in slugs.items() if holds)
    return Verdict(outcome, reasons) if reasons else None


def _held(a: Assessment) -> Verdict | None:
    return Verdict("on-hold", a.holds) if a.holds else None


def _not_started(a: Assessment) -> Verdict | None:
    if a.care.trial is None:
        if a.care.is_undated():
            return _UNCLEAR
        return _chosen("not-started", a.other_care) or Verdict("not-started", ("no-treatment",))
    if a.care.has_ended:
        needed = (a.has_minimum, a.core)
        if "not-met" in needed:
            return Verdict("not-started", ("trial-lapsed",))
        return _not_judgeable(a) if "unknown" in needed else None
    return None


def _going_wrong(a: Assessment) -> Verdict | None:
    slugs = {
        "worsening": a.response.is_worse,
        "therapy-contraindicated": a.core == "not-met" and bool(a.contraindicated),
    }
    return _chosen("review", slugs)


def _in_trial(a: Assessment) -> Verdict | None:
    below = a.has_minimum == "not-met"
    if not below and not (a.core == "not-met" and a.has_maximum == "not-met"):
        return None
    slugs = {
        "duration": below,
        "active-therapy": a.care.active_therapy == "not-met",
        "second-modality": a.care.second_modality == "not-met",
    }
    return _chosen("in-trial", slugs)


def _not_judgeable(a: Assessment) -> Verdict | None:
    slugs = {
        "trial-incomplete": a.core == "not-met",
        "trial-outdated": a.care.recency == "not-met",
        "dates-unclear": "unknown" in (a.has_minimum, a.core, a.care.recency),
    }
    return _chosen("review", slugs)


def _responding(a: Assessment) -> Verdict | None:
    return Verdict("responding", ("improved",)) if a.response.is_improved else None


def _unclear_response(a: Assessment) -> Verdict | None:
    nothing = not a.response.evaluable
    outdated = a.response.is_outdated
    slugs = {
        "conflicting-scores": a.response.is_conflicting,
        "mixed-response": a.response.is_mixed,
        "outcome-outdated": nothing and outdated,
        "no-outcome-measure": nothing and not outdated,
    }
    return _chosen("review", slugs)


def _no_sign(a: Assessment) -> Verdict | None:
    if a.signs:
        return None
    if a.has_maximum == "unknown":
        return _UNCLEAR
    if a.has_maximum == "met":
        return Verdict("review", ("no-ceiling-sign",))
    if a.response.of("pain") and not a.response.of("function"):
        return Verdict("review", ("function-not-measured",))
    return Verdict("in-trial", ("no-ceiling-sign",))


def _no_imaging(a: Assessment) -> Verdict | None:
    return None if a.imaging == "met" else Verdict("review", (f"imaging-{a.imaging}",))


def _no_route(a: Assessment) -> Verdict | None:
    return Verdict("review", ("route-unclear",)) if a.route.way == "human" else None


def _exhausted(a: Assessment) -> Verdict:
    target: Target = "surgical" if a.route.way == "surgical" else "intradiscal"
    if a.refusals(target):
        return Verdict("on-hold", ("declined",))
    return Verdict("exhausted", tuple(a.signs), target)


LINES: tuple[Callable[[Assessment], Verdict | None], ...] = (
    _held,
    _not_started,
    _going_wrong,
    _in_trial,
    _not_judgeable,
    _responding,
    _unclear_response,
    _no_sign,
    _no_imaging,
    _no_route,
)


def verdict(a: Assessment) -> Verdict:
    """Lines 5 to 18 for one open episode."""
    return next((found for line in LINES if (found := line(a))), None) or _exhausted(a)
