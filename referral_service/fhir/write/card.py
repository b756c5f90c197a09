"""A finding as a card of CDS Hooks 2.0: a line, the criteria beneath it, the drafted request to accept.

Source: https://cds-hooks.hl7.org/2.0/#card-attributes. Nothing is ever proposed to be done without a person.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

import msgspec

from referral_service.core.decision import Criterion, Decision
from referral_service.core.explain import CRITERIA, sentences
from referral_service.fhir.write.markdown import plain, table
from referral_service.fhir.write.names import Names
from referral_service.fhir.write.wording import note, title

Json = dict[str, Any]
# A summary is shorter than 140 characters.
LONGEST_SUMMARY: Final = 139
_ANSWERS = {"met": "yes", "not-met": "no", "unknown": "not known", "waived": "not asked"}
_UNITS = {"d": "days", "mo": "months"}
_COMPUTED = "Worked out from recorded data by a computer; a clinician decides."
_HEADS = ("Criterion", "Met", "Found", "Asked for")
_BEFORE = {
    "in-trial": "while the conservative trial still runs",
    "not-started": "before a conservative trial has begun",
    "responding": "while conservative care still helps",
}
EARLY: Final = frozenset(_BEFORE)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to say about a patient: what is decided, or what is ordered too early (`orders`, in words).

    `proposal` is the drafted ServiceRequest. `remarks` are further sentences, our own words alone.
    """

    decision: Decision
    orders: tuple[str, ...] = ()
    proposal: Json | None = None
    remarks: tuple[str, ...] = ()


class Frame(NamedTuple):
    """What all cards of a service share: names, the policy's title, and why a person may say no."""

    names: Names
    label: str
    override_reasons: Mapping[str, str]


def card(finding: Finding, id: UUID, frame: Frame) -> Json:
    """The card; `id` becomes its uuid, and that of its suggestion follows from it."""
    names, decision = frame.names, finding.decision
    indicator = _indicator(finding)
    found: Json = {
        "uuid": str(id),
        "summary": summary(finding),
        "detail": detail(finding),
        "indicator": indicator,
        "source": {
            "label": frame.label,
            "url": names.module.partition("|")[0],
            "topic": names.coding("outcome", decision.outcome),
        },
    }
    if finding.proposal:
        found["suggestions"] = [_suggestion(finding.proposal, id)]
        found["selectionBehavior"] = "at-most-one"
    if finding.proposal or indicator != "info":
        found["overrideReasons"] = [
            {**names.coding("decline-reason", code), "display": words}
            for code, words in frame.override_reasons.items()
        ]
    return found


def _indicator(finding: Finding) -> str:
    if finding.decision.outcome == "urgent":
        return "critical"
    return "warning" if finding.orders or "possible-red-flag" in finding.decision.reasons else "info"


def _suggestion(proposal: Json, id: UUID) -> Json:
    words = str(proposal["code"]["text"])
    return {
        "label": words,
        "uuid": str(uuid5(id, "suggestion")),
        "actions": [{"type": "create", "description": f"Draft: {words}", "resource": proposal}],
    }


def summary(finding: Finding) -> str:
    """What is to be known at a glance, in fewer than 140 characters."""
    said = _said(finding)
    return said if len(said) <= LONGEST_SUMMARY else f"{said[: LONGEST_SUMMARY - 1].rstrip()}…"


def _said(finding: Finding) -> str:
    decision = finding.decision
    where = _where(decision)
    if finding.orders:
        verb = "is" if len(finding.orders) == 1 else "are"
        return f"{where}: {_joined(finding.orders)} {verb} ordered {_BEFORE[decision.outcome]}."
    if decision.outcome == "urgent":
        return (
            f"Possible red flag recorded{_since(decision)}: {_lower(title(decision, 'surgical'))} proposed."
        )
    if "possible-red-flag" in decision.reasons:
        return f"{where}: a possible red flag is recorded{_since(decision)}; a human has to judge it."
    outcome, *reasons = sentences(decision)
    if decision.target:
        return f"{where}: {_lower(outcome)} Proposed: {_lower(title(decision, decision.target))}."
    return " ".join((f"{where}: {_lower(outcome)}", *reasons[:1]))


def _where(decision: Decision) -> str:
    return f"{decision.region.capitalize()} spine" if decision.region else "Spine"


def _since(decision: Decision) -> str:
    days = [flag.day for flag in decision.flags if flag.day]
    return f" on {min(days)}" if days else ""


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _joined(words: tuple[str, ...]) -> str:
    *before, last = words
    return f"{', '.join(before)} and {last}" if before else last


def detail(finding: Finding) -> str:
    """All that the decision says, in GitHub-flavoured Markdown; every value is escaped."""
    decision = finding.decision
    first = f"{_where(decision)}. {' '.join(sentences(decision))}"
    last = note(decision, decision.target) if decision.target else _COMPUTED
    criteria = table(_HEADS, map(_row, decision.criteria))
    return "\n\n".join([plain(first), criteria, *map(plain, finding.remarks), plain(last)])


def _row(criterion: Criterion) -> tuple[str, str, str, str]:
    unit = _UNITS.get(criterion.unit or "", criterion.unit or "")
    # of what is measured in days and found on a day, the unit is that of the threshold alone
    found = f"{criterion.value} {'' if isinstance(criterion.value, str) else unit}".rstrip()
    asked = f"{criterion.threshold} {unit}".rstrip()
    return (
        CRITERIA[criterion.id],
        _ANSWERS[criterion.status],
        "" if criterion.value is None else found,
        "" if criterion.threshold is None else asked,
    )
