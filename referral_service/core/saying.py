"""What decisions say, as one text to compare and to remember, and which red flags they tell of; pure."""

from collections.abc import Iterable

from referral_service.core.decision import Decision

_BETWEEN = "|"


def says(decision: Decision) -> str:
    """What a decision says, as one comparable text; of red flags also which, so that another is news."""
    flags = sorted({flag.concept for flag in decision.flags})
    return _BETWEEN.join(
        (decision.outcome, decision.target or "", ",".join(sorted(decision.reasons)), *flags)
    )


def flags_in(said: str) -> set[str]:
    """The concepts of the red flags in what `says` made."""
    return set(said.split(_BETWEEN)[3:])


def is_red(decision: Decision) -> bool:
    """Whether an urgent or possible red flag stands."""
    return decision.outcome == "urgent" or "possible-red-flag" in decision.reasons


def flags_told(decisions: Iterable[Decision]) -> dict[tuple[str, str], tuple[str, ...]]:
    """The red flags that decisions tell of: concept and source, with what each is by itself."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for flag in (flag for decision in decisions if is_red(decision) for flag in decision.flags):
        reasons = {flag.reason, *found.get((flag.concept, flag.source), ())}
        found[flag.concept, flag.source] = tuple(sorted(reasons))
    return found
