"""Plain sentences for coordinators, from the same decision that machines read."""

from collections.abc import Callable

from referral_service.core.brief import Brief
from referral_service.core.decision import Criterion, Decision

_OUTCOMES = {
    "urgent": "A possible red flag is recorded: a human should look at once.",
    "on-hold": "No elective referral for now.",
    "no-qualifying-condition": "No spine condition is open.",
    "not-started": "No conservative trial is under way.",
    "in-trial": "The conservative trial goes on.",
    "responding": "The patient is improving: care goes on.",
    "review": "A human has to look: the record does not decide.",
    "exhausted": "The conservative trial looks exhausted.",
}
REASONS = {
    "deceased": "The patient has died.",
    "red-flag-hard": "A diagnosis that waives the trial is recorded.",
    "red-flag-soft": "Signs that waive the trial are recorded, without another explanation.",
    "possible-red-flag": "A sign that may be a red flag is recorded; it needs a human to judge it.",
    "resolved": "The condition is over.",
    "refuted": "The condition was refuted or entered in error.",
    "region-unspecified": "The condition names no region of the spine.",
    "none": "No confirmed spine condition with a region is recorded.",
    "pregnancy": "Pregnancy is recorded.",
    "minor": "The patient is younger than 18.",
    "referral-exists": "A spine referral made by a person is open.",
    "medication-only": "Only medication is recorded.",
    "passive-only": "Only passive treatment is recorded.",
    "other-body-part": "Treatment is recorded for another body part.",
    "no-treatment": "No treatment is recorded in the episode.",
    "trial-lapsed": "The trial was broken off before it was complete.",
    "worsening": "Pain or function has become worse.",
    "therapy-contraindicated": "Active therapy is contraindicated: waiting helps nobody.",
    "duration": "The trial has not lasted long enough.",
    "active-therapy": "Active therapy is not complete.",
    "second-modality": "A second modality is missing.",
    "trial-incomplete": "The time is up and the core of the trial is not complete.",
    "trial-outdated": "The last treatment is too long ago.",
    "dates-unclear": "A date or a number of visits is not clear enough to decide.",
    "region-unclear": "Treatment is recorded that could belong to either region.",
    "improved": "Every measure has improved.",
    "conflicting-scores": "Scores contradict each other.",
    "mixed-response": "One measure has improved and another has not.",
    "no-outcome-measure": "No pain or function score can be compared.",
    "outcome-outdated": "The last score is too old.",
    "function-not-measured": "Function has not been measured.",
    "no-ceiling-sign": "Nothing shows that the trial has reached its ceiling.",
    "imaging-missing": "No MRI or CT report of the region is recorded.",
    "imaging-outdated": "The MRI or CT report is too old.",
    "route-unclear": "Both an intradiscal and a surgical consultation are possible.",
    "declined": "The patient has declined this consultation.",
    "rebound": "Pain came back after each cycle of treatment.",
    "function-flat": "Function has not improved.",
    "imaging-progression": "Imaging or diagnosis shows progression.",
    "persistent-at-maximum": "Pain persists at the end of the longest trial.",
    # of an order, not of a decision
    "not-supported": "The decision that the order was approved for has fallen, and the order is out.",
    "withdrawn-once-sent": "The order was withdrawn, and the other side may have it.",
    "refused-by-fulfiller": "Whoever should fulfil the order has refused or given it up.",
    "sent-twice": "The other side has the order more than once.",
}
ROUTES = {
    "instability-or-deformity": "Instability, spondylolisthesis or a deformity is coded.",
    "stenosis": "Stenosis is coded.",
    "extrusion": "An extruded or sequestrated disc is reported.",
    "displacement-with-radiculopathy": "A displaced disc with radiculopathy or sciatica is coded.",
    "earlier-intradiscal": "An intradiscal treatment of the region was done before.",
    "reason-against-intradiscal": "An infection, malignancy, fracture or allergy has to be reviewed first.",
    "lumbar-disc": "The coded structure is a lumbar disc.",
    "annular-defect-with-radiculopathy": "An annular defect and radiculopathy or sciatica are both coded.",
    "degeneration-with-leg-symptoms": "A degenerated disc and symptoms of the leg are both coded.",
    "cervical-or-thoracic-disc": "The disc is cervical or thoracic.",
    "prior-surgery": "The region was operated on before.",
    "vertebrogenic": "Vertebrogenic pain is coded.",
    "traumatic-disc-rupture": "A traumatic rupture of a disc is coded.",
    "recent-injection": "A spinal injection is too recent to judge.",
    "no-structure-coded": "Neither a disc nor another structure is coded.",
    "other": "No line of the route's table names what is coded.",
}
CRITERIA = {
    "qualifying-condition": "A spine condition with a region is active",
    "duration-minimum": "The trial has lasted its minimum",
    "duration-maximum": "The trial has lasted its maximum",
    "active-therapy": "Active therapy is complete",
    "second-modality": "A second modality was tried",
    "recency": "The last treatment is recent",
    "response": "Treatment was measured and did not help enough",
    "ceiling-sign": "The trial has reached its ceiling",
    "imaging": "A current MRI or CT report is there",
    "no-hold": "Nothing speaks for waiting",
}
_STATUS = {"met": "yes", "not-met": "no", "unknown": "not known", "waived": "not asked (red flag)"}
_SCORE = {"cervical": "an NDI score", "lumbar": "an ODI score", "thoracic": "an ODI score"}
_PIECES: dict[str, Callable[[int, str], str]] = {
    "covered-days": lambda n, _: f"{n} more covered day{_s(n)}",
    "active-visits": lambda n, _: f"{n} more active visit{_s(n)}",
    "active-days": lambda n, _: f"{n} more day{_s(n)} covered by active therapy",
    "modality": lambda _, __: "a second modality",
    "function-score": lambda _, region: _SCORE.get(region, "a function score"),
    "imaging": lambda _, region: f"a {region} MRI" if region else "an MRI",
}
_OF_ACTIVE_THERAPY = ("active-visits", "active-days")


def _s(number: int) -> str:
    return "" if number == 1 else "s"


def sentences(decision: Decision) -> list[str]:
    """What is decided and why; then what is missing, and when the answer may change by itself."""
    said = [_OUTCOMES[decision.outcome], *(REASONS[reason] for reason in decision.reasons)]
    if decision.route:
        said.append(ROUTES[decision.route])
    for _, day, source, *_ in decision.flags:
        said.append(
            f"Possible red flag recorded {f'on {day}' if day else 'without an exact date'}, see {source}."
        )
    if decision.target and decision.outcome == "exhausted":
        said.append(f"Proposed: an evaluation for {decision.target} treatment.")
    if pieces := missing(decision):
        said.append(f"Missing: {', '.join(pieces)}.")
    if decision.earliest_on:
        said.append(f"At this pace the trial could count as complete on {decision.earliest_on}.")
    if decision.wake_on:
        said.append(f"With nothing new, this answer changes on {decision.wake_on}.")
    return said


def missing(decision: Decision | Brief) -> list[str]:
    """The smallest missing pieces, in words; none of active therapy that must not be made up for."""
    waived = _OF_ACTIVE_THERAPY if "therapy-contraindicated" in decision.reasons else ()
    pieces = [(what, amount) for what, amount in decision.needs if what not in waived]
    return [_PIECES[what](amount, decision.region or "") for what, amount in pieces]


def criterion_sentence(criterion: Criterion) -> str:
    """One criterion in a line: what is asked, the answer, the value against its threshold."""
    said = f"{CRITERIA[criterion.id]}: {_STATUS[criterion.status]}"
    if criterion.value is None:
        return said
    measured = f"{criterion.value}" + (
        f" {criterion.unit}" if criterion.unit and not _is_day(criterion) else ""
    )
    unit = f" {criterion.unit}" if criterion.unit and _is_day(criterion) else ""
    against = f", asked for {criterion.threshold}{unit}" if criterion.threshold is not None else ""
    return f"{said} ({measured}{against})"


def _is_day(criterion: Criterion) -> bool:
    return isinstance(criterion.value, str)
