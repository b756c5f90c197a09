"""What people read on a referral: an evaluation is asked for, nothing is directed, the caveats are there."""

from referral_service.core.decision import Criterion, Decision

CAVEATS = (
    "Candidacy and outcomes vary; the sealant is approved as a sealant; a clinical evaluation is the only "
    "way to know."
)
PROPOSAL = "Proposed from recorded data by a computer; a clinician decides."
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
        for _, day, source, _ in decision.flags
    )
    return " ".join(dict.fromkeys(said))


def _trial(decision: Decision) -> str:
    by_id: dict[str, Criterion] = {c.id: c for c in decision.criteria}
    days, visits = by_id["duration-minimum"].value, by_id["active-therapy"].value
    said = [
        "Request for an evaluation: the conservative trial looks exhausted.",
        f"Trial of {days} covered days since {decision.trial_start}, {visits} active visit-days.",
    ]
    for name, words in (
        ("second-modality", "Also received"),
        ("response", "Response"),
        ("ceiling-sign", "Ceiling signs"),
        ("imaging", "Imaging of the region"),
    ):
        if value := by_id[name].value:
            said.append(f"{words}: {value}.")
    return " ".join(said)
