"""Who made what from what: one Provenance for what one evaluation emitted, one for what a person said."""

from datetime import datetime
from typing import Any

from referral_service.fhir.write.names import Names, instant, reference

_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def provenance(
    id: str, targets: list[str], sources: list[str], recorded: datetime, names: Names
) -> dict[str, Any]:
    """`targets` and `sources` are versioned references."""
    found: dict[str, Any] = {
        "resourceType": "Provenance",
        "id": id,
        "target": [reference(to) for to in targets],
        "recorded": instant(recorded),
        "policy": [names.module.partition("|")[0]],
        "agent": [
            {
                "type": {"coding": [{"system": _PARTICIPANT, "code": "assembler"}]},
                "who": {"display": "referral-service"},
            }
        ],
    }
    if sources:
        found["entity"] = [{"role": "source", "what": reference(source)} for source in sources]
    return found


def answer_provenance(
    id: str, targets: list[str], verb: str, actor: str, recorded: datetime
) -> dict[str, Any]:
    """What a person said: `verb`, and `targets`, the versioned references of what it made or is about."""
    return {
        "resourceType": "Provenance",
        "id": id,
        "target": [reference(to) for to in targets],
        "recorded": instant(recorded),
        "activity": {"text": verb},
        "agent": [
            {
                "type": {"coding": [{"system": _PARTICIPANT, "code": "performer"}]},
                "who": reference(actor),
            }
        ],
    }
