"""A possible red flag as DetectedIssue: recorded on a day, by a source; never a directive."""

from datetime import datetime
from typing import Any

from referral_service.core.referral import KeptEpisode
from referral_service.fhir.write.names import Names, instant, reference

_SEVERITY = {"stat": "high", "urgent": "high"}


def detected_issue(
    id: str, episode: KeptEpisode, patient: str, at: datetime, names: Names, *, stands: bool
) -> dict[str, Any]:
    """One for each decision with a red flag; `cancelled` once it no longer stands."""
    decision = episode.decision
    sources = dict.fromkeys(source for _, _, source in decision.flags)
    return {
        "resourceType": "DetectedIssue",
        "id": id,
        "status": "preliminary" if stands else "cancelled",
        "code": {"coding": [names.coding("reason", reason) for reason in decision.reasons]},
        "severity": _SEVERITY.get(decision.priority, "moderate"),
        "patient": reference(f"Patient/{patient}"),
        "identifiedDateTime": instant(at),
        "implicated": [reference(source) for source in sources],
    }
