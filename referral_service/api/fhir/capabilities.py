"""The CapabilityStatement: what the tables of types and interactions say, and nothing else."""

from functools import lru_cache
from importlib.metadata import version

import orjson

from referral_service.api.fhir.table import OPERATIONS, codes
from referral_service.fhir.search.table import KINDS, Kind, Sort

_ANY_TYPE = (("_id", Sort.TOKEN), ("_lastUpdated", Sort.DATE))


@lru_cache(8)
def statement(canonical_base: str, base: str, published: str) -> bytes:
    """The statement as JSON. `base` is the address of /fhir as the client wrote it."""
    release = version("referral-service")
    return orjson.dumps(
        {
            "resourceType": "CapabilityStatement",
            "url": f"{canonical_base}/CapabilityStatement/referral-service",
            "version": release,
            "name": "ReferralService",
            "status": "active",
            "date": published,
            "kind": "instance",
            "software": {"name": "referral-service", "version": release},
            "implementation": {"description": "Conservative spine care, watched", "url": base},
            "fhirVersion": "4.0.1",
            "format": ["application/fhir+json", "json"],
            "rest": [
                {
                    "mode": "server",
                    "resource": [_resource(kind, canonical_base) for kind in KINDS.values()],
                    "interaction": [{"code": "transaction"}, {"code": "batch"}],
                }
            ],
        }
    )


def _resource(kind: Kind, canonical_base: str) -> dict[str, object]:
    declared: dict[str, object] = {
        "type": kind.type,
        "interaction": [{"code": code} for code in codes(kind) if not code.startswith("$")],
        "versioning": "versioned-update" if kind.is_taken_in else "versioned",
        "readHistory": True,
        "conditionalRead": "full-support",
    }
    if kind.is_taken_in:
        declared |= {
            "updateCreate": True,
            "conditionalCreate": True,
            "conditionalUpdate": True,
            "conditionalDelete": "not-supported",
        }
    if names := OPERATIONS.get(kind.type):
        declared["operation"] = [
            {"name": name[1:], "definition": f"{canonical_base}/OperationDefinition/{name[1:]}"}
            for name in names
        ]
    if kind.type == "Task":
        declared["searchInclude"] = ["Task:focus"]
    parameters = [*_ANY_TYPE, *((one.name, one.sort) for one in kind.parameters)]
    declared["searchParam"] = [{"name": name, "type": sort.value} for name, sort in parameters]
    return declared
