"""What the pages call things: one table for each kind of name, in plain words."""

from collections.abc import Collection
from typing import Final, NamedTuple

from referral_service.api.worklist.picture_words import concept, count
from referral_service.core.brief import Brief, Change
from referral_service.core.decision import Criterion
from referral_service.core.explain import REASONS
from referral_service.core.referral import Referral
from referral_service.core.saying import concept_of
from referral_service.core.stage import Stage


class List(NamedTuple):
    """One list: its name, and what to do with what stands on it."""

    name: str
    says: str


LISTS: Final[dict[Stage, List]] = {
    "red-flag": List("Red flags now", "Possible emergencies. Look at once, and acknowledge by name."),
    "review": List("To review", "Drafted referrals. Approve or decline each."),
    "information": List("Needs information", "The record does not decide. Find out what is missing."),
    "ready": List("Ready to send", "Approved orders that no one has received yet."),
    "failed": List(
        "Failed to send", "Approved orders that did not arrive. Send again, or enter them by hand."
    ),
    "acceptance": List("Awaiting acceptance", "Sent. Ask the clinic where it has not accepted in time."),
    "booking": List("Not yet booked", "Accepted. Ask for an appointment where there is none in time."),
    "missed": List("Missed appointment", "Missed or cancelled. Have another one booked, or close."),
    "report": List("Awaiting report", "Booked or seen. Ask for the report where it does not come in time."),
    "closed": List("Closed", "Answered, withdrawn, replaced, or the loop is closed. The latest due first."),
}
# Word and shape, so that colour says nothing by itself.
PRIORITIES: Final = {"stat": ("▲▲", "Stat"), "urgent": ("▲", "Urgent"), "routine": ("●", "Routine")}
TARGETS: Final = {"intradiscal": "Intradiscal evaluation", "surgical": "Surgical consultation", "": "Review"}
REGIONS: Final = ("cervical", "thoracic", "lumbar")
STATUSES: Final = {
    "requested": "waits",
    "in-progress": "claimed",
    "on-hold": "on hold: a red flag stands",
    "completed": "answered",
    "cancelled": "withdrawn",
}
ANSWERS: Final = {
    "met": ("✓", "Met"),
    "not-met": ("✗", "Not met"),
    "unknown": ("?", "Cannot tell"),
    "waived": ("–", "Not asked: red flag"),
}
DECLINE_REASONS: Final = {
    "more-care": "More conservative care first",
    "not-indicated": "Not indicated",
    "patient-declines": "The patient does not want it",
    "already-referred": "Already referred elsewhere",
    "wrong-data": "The record is wrong",
    "other": "Another reason, see the note",
}
LEFT_OUT: Final = {
    "undated": "It has no date.",
    "unknown-code": "The pathway does not know its code.",
    "other-body-part": "It is about another part of the body.",
    "not-in-trial": "It is outside the trial.",
    "not-compared": "It is not one of the two scores that are compared.",
    "not-asked": "This decision asks for no trial.",
    "not-final": "It is not final.",
    "not-completed": "It was not completed.",
    "not-done": "It was not done.",
    "not-given": "It was not given.",
    "not-yet": "It lies in the future.",
    "not-an-instrument": "It is no score that the pathway reads.",
    "our-own-referral": "It is this service's own referral.",
    "out-of-range": "Its value is out of range.",
    "entered-in-error": "It was entered in error.",
    "refuted": "It was refuted.",
    "modified": "It carries a modifier that this service does not know.",
    "other-region": "It is about another region of the spine.",
    "region-unclear": "It does not say which region of the spine it is about.",
    "evaluation": "It is an evaluation, not treatment.",
    "plan": "It is a plan, not treatment.",
    "not-a-treatment": "It treats something else.",
    "ambiguous-code": "Its code may mean care of other kinds.",
    "noted-only": "It is noted, and counts for nothing.",
    "no-value": "It has no value.",
    "not-read": "Nobody has reported on it.",
    "not-used": "No decision needs it.",
}
_INSTRUMENTS = {
    "odi_score": "ODI",
    "ndi_score": "NDI",
    "roland_morris": "Roland-Morris",
    "promis_pf_t": "PROMIS PF",
    "promis29_pf_t": "PROMIS PF",
    "promis_pi_t": "PROMIS PI",
}
_UNITS = {"d": "days", "mo": "months", "wk": "weeks"}
_ONE = {
    "days": "day",
    "months": "month",
    "weeks": "week",
    "visits": "visit",
    "visit-days": "visit-day",
    "modalities": "modality",
    "injections": "injection",
    "points": "point",
}
_WEEK = 7


def priority(referral: Referral) -> tuple[str, str]:
    """Shape and word."""
    return PRIORITIES[referral.priority]


def person(reference: str | None) -> str:
    """Somebody by name, or by id where that is all there is."""
    return (reference or "").rpartition("/")[2]


def reason(brief: Brief, flags: Collection[str] = ()) -> str:
    """One line: for a trial how long, how often, and which scores; else why a human is asked.

    `flags` are all that the referral tells of: one of another episode has its day on the referral's page.
    """
    if brief.flags:
        own = [f"{concept(it.concept)} {it.day or '(no date)'}" for it in brief.flags]
        others = {*map(concept_of, flags)} - {it.concept for it in brief.flags}
        return "; ".join([*own, *map(concept, sorted(others))])
    said = []
    if days := brief.days:
        said.append(f"trial {days // _WEEK} weeks" if days >= 2 * _WEEK else f"trial {count(days, 'day')}")
    if brief.visits:
        said.append(count(brief.visits, "visit"))
    said += map(_change, brief.changes)
    if brief.outcome != "exhausted":
        said += [REASONS.get(one, one).rstrip(".") for one in brief.reasons]
    return " · ".join(said)


def _change(one: Change) -> str:
    """An instrument's first and last value: "ODI 48 → 46"."""
    ends = [one.first] if one.last is None else [one.first, one.last]
    return f"{instrument(one.concept)} {' → '.join(f'{value.normalize():f}' for value in ends)}"


def instrument(concept: str) -> str:
    """The short name of an outcome measure."""
    return _INSTRUMENTS.get(
        concept, "Pain" if concept.startswith(("pain_", "peg_")) else concept.replace("_", " ")
    )


def value(criterion: Criterion) -> str:
    """What was measured, with its unit."""
    if criterion.value is None:
        return "–"
    is_text = isinstance(criterion.value, str)
    return amount(criterion.value, "" if is_text else criterion.unit or "")


def threshold(criterion: Criterion) -> str:
    """What it was held against."""
    return "–" if criterion.threshold is None else amount(criterion.threshold, criterion.unit or "")


def amount(number: object, unit: str) -> str:
    """A figure with its unit."""
    named = _UNITS.get(unit, unit)
    return f"{number} {_ONE.get(named, named) if number == 1 else named}".strip()
