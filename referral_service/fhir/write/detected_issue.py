"""A possible red flag as DetectedIssue: recorded by a source; never a directive."""

from datetime import datetime
from typing import Any, NamedTuple

from referral_service.fhir.write.names import Names, instant, reference


class Detected(NamedTuple):
    """One red flag: the Condition that records it, why it is one, and whether it still stands."""

    source: str
    reasons: tuple[str, ...]
    stands: bool


def detected_issue(id: str, flag: Detected, patient: str, at: datetime, names: Names) -> dict[str, Any]:
    """The flag as told at an instant; `cancelled` once no decision rests on it."""
    return {
        "resourceType": "DetectedIssue",
        "id": id,
        "status": "preliminary" if flag.stands else "cancelled",
        "code": {"coding": [names.coding("reason", reason) for reason in flag.reasons]},
        "severity": "high",
        "patient": reference(f"Patient/{patient}"),
        "identifiedDateTime": instant(at),
        "implicated": [reference(flag.source)],
    }
