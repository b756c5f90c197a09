"""Who made what from what: one Provenance for what one evaluation emitted."""

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
