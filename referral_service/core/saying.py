"""What decisions say, as one text to compare and to remember, and which red flags they tell of; pure."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from referral_service.core.decision import Decision, RedFlag

_BETWEEN, _OF = "|", "@"
# Not what a referral asks for that tells of another flag too.
_MEDICAL = "medical-assessment"


def says(decision: Decision) -> str:
    """What a decision says, as one comparable text; of red flags also which, so that another is news."""
    flags = sorted(set(map(sign, decision.flags)))
    return _BETWEEN.join(
        (decision.outcome, decision.target or "", ",".join(sorted(decision.reasons)), *flags)
    )


def sign(flag: RedFlag) -> str:
    """Which red flag it is: its concept, of a region if its code names one."""
    return f"{flag.concept}{_OF}{flag.region}" if flag.region else flag.concept


def concept_of(sign: str) -> str:
    """The concept alone."""
    return sign.partition(_OF)[0]


def flags_in(said: str) -> set[str]:
    """The signs of the red flags in what `says` made."""
    return set(said.split(_BETWEEN)[3:])


def told_by(decisions: Mapping[str, Decision], key: str) -> Decision:
    """What the referral that rests on one of them tells of: all red flags, if it is the one urgent referral.

    A soft flag need not reach the episode that a hard one is referred for.
    """
    own = decisions[key]
    if own.outcome != "urgent":
        return own
    urgent = [own, *(it for other, it in decisions.items() if other != key and it.outcome == "urgent")]
    flags: dict[tuple[str, str], RedFlag] = {}
    for flag in (flag for it in urgent for flag in it.flags):
        flags.setdefault((sign(flag), flag.source), flag)
    notes = (note for note in own.notes if note != _MEDICAL or all(_MEDICAL in it.notes for it in urgent))
    return replace(own, flags=tuple(flags.values()), notes=tuple(notes))


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
