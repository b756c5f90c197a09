"""What people read on a referral: an evaluation is asked for, nothing is directed, the caveats are there."""

from referral_service.core.decision import Criterion, Decision
from referral_service.core.explain import REASONS

CAVEATS = (
    "Candidacy and outcomes vary; the sealant is approved as a sealant; a clinical evaluation is the only "
    "way to know."
)
PROPOSAL = "Proposed from recorded data by a computer; a clinician decides."
_MODALITIES = {
    "medication": "medication",
    "manual": "manual therapy",
    "injection": "injections",
    "self-management": "instruction in self-management",
}
_NOTES = {
    "opioids-long": "Opioids recorded for more than 90 days.",
    "opioids": "Opioids recorded.",
    "oral-steroids": "Oral steroids recorded.",
    "anticoagulants": "Anticoagulants recorded: to be considered before any injection.",
    "veteran": "Coverage by the VA is attached; the VA makes the coverage decision.",
}


def title(decision: Decision, target: str) -> str:
    """What is asked for, in a line."""
    if decision.outcome == "urgent":
        if "medical-assessment" in decision.notes:
            return "Urgent medical assessment of a possible spinal infection, malignancy or fracture"
        return "Urgent spine surgical consultation"
    if target == "intradiscal":
        return "Evaluation for intradiscal treatment"
    return "Spine surgical consultation"


def note(decision: Decision, target: str) -> str:
    """The evidence and the caveats, in plain sentences."""
    sentences = [_flags(decision)] if decision.flags else [_trial(decision)]
    sentences += [_NOTES[name] for name in decision.notes if name in _NOTES]
    if target == "intradiscal":
        sentences.append(CAVEATS)
    return " ".join([*sentences, PROPOSAL])


def _flags(decision: Decision) -> str:
    said = (
        f"Possible red flag recorded on {day.isoformat()}, see {source}."
        if day
        else f"Possible red flag recorded without an exact date, see {source}."
        for _, day, source, *_ in decision.flags
    )
    return " ".join(dict.fromkeys(said))


def _trial(decision: Decision) -> str:
    by_id: dict[str, Criterion] = {c.id: c for c in decision.criteria}
    days, visits = by_id["duration-minimum"].value, by_id["active-therapy"].value
    said = [
        "Request for an evaluation: the conservative trial looks exhausted.",
        f"Trial of {days} covered days since {decision.trial_start}, {visits} active visit-days.",
    ]
    if also := _each(by_id["second-modality"]):
        said.append(f"Also received: {', '.join(_MODALITIES[one] for one in also)}.")
    if response := by_id["response"].value:
        said.append(f"Response: {response}.")
    if signs := [REASONS[one].rstrip(".") for one in _each(by_id["ceiling-sign"])]:
        said.append(f"The trial looks to have reached its ceiling ({'; '.join(signs)}).")
    if imaging := by_id["imaging"].value:
        said.append(f"Imaging of the region: {imaging}.")
    return " ".join(said)


def _each(criterion: Criterion) -> list[str]:
    """The names that a criterion's value lists."""
    return str(criterion.value).split(", ") if criterion.value else []
