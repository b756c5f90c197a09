"""What the EHR says of itself: the CapabilityStatement."""

from collections.abc import Iterable
from typing import Any, Final

from referral_service.fake_ehr.search import REFERENCES, TOKENS
from referral_service.fhir.check import CHECKED_TYPES

Json = dict[str, Any]
_NEITHER: Final = {"Bundle", "Parameters", "OperationOutcome"}
_INTERACTIONS: Final = ("read", "vread", "create", "update", "patch", "delete", "search-type")


def statement(base: str) -> Json:
    """Every type of R4 is kept; the ones that referrals need are named."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-01-01",
        "kind": "instance",
        "software": {"name": "fake-ehr"},
        "implementation": {"description": "An EHR to try things out with", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "patchFormat": ["application/json-patch+json"],
        "rest": [
            {
                "mode": "server",
                "resource": [
                    _type(type) for type in sorted({*CHECKED_TYPES, "DocumentReference", "Group"} - _NEITHER)
                ],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
                "operation": [
                    _operation("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export")
                ],
            }
        ],
    }


def _type(type: str) -> Json:
    parameters = [
        *_parameters("token", ["_id", *TOKENS]),
        *_parameters("reference", REFERENCES),
        *_parameters("date", ["_lastUpdated"]),
    ]
    found: Json = {
        "type": type,
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned-update",
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalUpdate": True,
        "searchParam": parameters,
    }
    if type == "Patient":
        definition = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
        found["operation"] = [_operation("everything", definition)]
    return found


def _parameters(kind: str, names: Iterable[str]) -> list[Json]:
    return [{"name": name, "type": kind} for name in names]


def _operation(name: str, definition: str) -> Json:
    return {"name": name, "definition": definition}
