"""One checked FHIR R4 resource into facts: what the pathway reads, in its own words, and nothing more."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from msgspec.structs import replace

from referral_service.core.person import Identity
from referral_service.core.timeline import AnyFact
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read import (
    allergies,
    conditions,
    consents,
    coverages,
    imaging,
    medications,
    observations,
    orders,
    people,
    procedures,
    questionnaires,
)
from referral_service.fhir.read.identities import identity_of
from referral_service.fhir.read.modified import heeded, is_modified
from referral_service.fhir.read.origin import FactReader, origin_of, unused
from referral_service.fhir.read.references import patient_of

__all__ = ["Reader", "patient_of"]

_READERS: dict[str, FactReader] = {
    "AllergyIntolerance": allergies.read,
    "Condition": conditions.read,
    "Consent": consents.read,
    "Coverage": coverages.read,
    "DiagnosticReport": imaging.read_report,
    "ImagingStudy": imaging.read_study,
    "MedicationRequest": medications.read_order,
    "MedicationStatement": medications.read_statement,
    "Observation": observations.read,
    "Patient": people.read,
    "Procedure": procedures.read,
    "QuestionnaireResponse": questionnaires.read,
}


class Reader:
    """Reads resources by one terminology, and knows our own orders by `canonical_base`."""

    def __init__(self, terminology: Terminology, canonical_base: str, joined_by: Iterable[str] = ()) -> None:
        """The identifier system of our referrals is `canonical_base` + "/referral".

        Patients with the same identifier of a system in `joined_by` are one person.
        """
        self._joined_by = frozenset(joined_by)
        ours = partial(orders.read, f"{canonical_base}/referral")
        self._terminology = terminology
        self._readers: dict[str, FactReader] = {**_READERS, "ServiceRequest": ours}

    def facts(self, resource: dict[str, Any]) -> tuple[AnyFact, ...]:
        """At least one fact; a resource that says nothing usable gives one `Unused` with its reason.

        `source` is "Type/id", `version` meta.versionId or "1"; `known_at` is meta.lastUpdated, else
        recordedDate, issued or authoredOn, else None. Never raises on a resource that the checker accepts.
        """
        origin = origin_of(resource)
        read = self._readers.get(resource["resourceType"])
        if read is None:
            return unused(origin, "not-used")
        found = read(resource, self._terminology, origin)
        return (heeded(found) or unused(origin, "modified")) if is_modified(resource) else found

    def identity(self, resource: dict[str, Any]) -> Identity | None:
        """Who a Patient says it is; None for any other resource. An unknown modifier joins it to nobody."""
        if resource["resourceType"] != "Patient":
            return None
        found = identity_of(resource, self._joined_by)
        return replace(found, links=(), identifiers=()) if is_modified(resource) else found
