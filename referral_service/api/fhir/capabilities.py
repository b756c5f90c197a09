"""The CapabilityStatement: what the tables of types and interactions say, and nothing else."""

from functools import lru_cache
from hashlib import sha256
from importlib.metadata import version

import orjson

from fhir_profiles import RESOURCES
from referral_service.api.fhir import audit_events
from referral_service.api.fhir.conformance import CONFORMANCE, parameters
from referral_service.api.fhir.table import OPERATIONS, codes
from referral_service.fhir.published import Published, drafts
from referral_service.fhir.search.table import KINDS, Kind, Sort
from referral_service.fhir.write.search_parameter import canonical

_HL7 = "http://hl7.org/fhir/OperationDefinition"
_HL7_TERMS = "http://terminology.hl7.org/CodeSystem"
_OAUTH = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
# What HL7 defines; every other operation is defined by ourselves.
_DEFINED_BY_HL7 = {"$apply": f"{_HL7}/PlanDefinition-apply"}
_ANY_TYPE = (("_id", Sort.TOKEN.value), ("_lastUpdated", Sort.DATE.value))
# Narrower than R4's compartment of a patient, which has performers, subscribers and others too.
_OF_A_PATIENT = (
    "Patient/[id]/[type] is [type]?patient=[id], where the type has this parameter; but for AuditEvent."
)


@lru_cache(8)
def statement(canonical_base: str, base: str, published: str, token_url: str = "") -> bytes:
    """The statement as JSON. `base` is the address of /fhir, `token_url` where tokens are had, if needed."""
    release = version("referral-service")
    ours = _shipped(canonical_base)
    kinds = [*KINDS.values(), *CONFORMANCE.values(), audit_events.KIND]
    return orjson.dumps(
        {
            "resourceType": "CapabilityStatement",
            "url": f"{base}/metadata",
            "version": release,
            "name": "ReferralService",
            "status": "active",
            "date": published,
            "kind": "instance",
            "software": {"name": "referral-service", "version": release},
            "implementation": {"description": "Conservative spine care, watched", "url": base},
            "fhirVersion": "4.0.1",
            "format": ["application/fhir+json", "json"],
            "patchFormat": ["application/json-patch+json"],
            "rest": [
                {
                    "mode": "server",
                    "documentation": _OF_A_PATIENT,
                    **({"security": _security(token_url)} if token_url else {}),
                    "resource": [_resource(kind, ours, canonical_base) for kind in kinds],
                    "interaction": [{"code": "transaction"}, {"code": "batch"}],
                }
            ],
        }
    )


def _security(token_url: str) -> dict[str, object]:
    """As SMART's first version has it; clients of later ones look at .well-known/smart-configuration."""
    return {
        "extension": [{"url": _OAUTH, "extension": [{"url": "token", "valueUri": token_url}]}],
        "cors": False,
        "service": [
            {"coding": [{"system": f"{_HL7_TERMS}/restful-security-service", "code": "SMART-on-FHIR"}]}
        ],
    }


@lru_cache(8)
def etag(statement: bytes) -> str:
    """The weak ETag of a statement."""
    return f'W/"{sha256(statement).hexdigest()[:32]}"'


@lru_cache(1)
def _shipped(canonical_base: str) -> Published:
    """What every service publishes, whatever the policy and the site's own ValueSets."""
    return Published(drafts(RESOURCES, canonical_base))


def _resource(kind: Kind, ours: Published, canonical_base: str) -> dict[str, object]:
    is_published = kind.type in CONFORMANCE
    is_kept = kind.type in KINDS
    declared: dict[str, object] = {
        "type": kind.type,
        "interaction": [{"code": code} for code in codes(kind) if not code.startswith("$")],
        "versioning": "versioned-update" if "update" in codes(kind) else "versioned",
        "readHistory": is_kept,
        "conditionalRead": "full-support" if is_kept else "not-match",
    }
    if profiles := ours.profiles(kind.type):
        declared["supportedProfile"] = profiles
    if kind.is_taken_in:
        declared |= {
            "updateCreate": True,
            "conditionalCreate": True,
            "conditionalUpdate": True,
            "conditionalDelete": "not-supported",
        }
    if names := OPERATIONS.get(kind.type):
        declared["operation"] = [
            {
                "name": name[1:],
                "definition": _DEFINED_BY_HL7.get(name, f"{canonical_base}/OperationDefinition/{name[1:]}"),
            }
            for name in names
        ]
    if kind.type == "Task":
        declared["searchInclude"] = ["Task:focus"]
    told = {one.name: one.sort.value for one in kind.parameters}
    own = parameters(kind.type) if is_published else told
    defined = {one.name: canonical(canonical_base, kind, one) for one in kind.parameters if is_kept}
    declared["searchParam"] = [
        {"name": name, **({"definition": defined[name]} if name in defined else {}), "type": sort}
        for name, sort in (*_ANY_TYPE, *own.items())
    ]
    return declared
