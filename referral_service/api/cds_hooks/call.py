"""A call of a service as it came: checked, named by its elements where it is wrong, never repeated in words.

Source: https://cds-hooks.hl7.org/2.0/#calling-a-cds-service and the context of each hook.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from referral_service.api.cds_hooks.elements import (
    Element,
    faults,
    is_bearer,
    is_id,
    is_object,
    is_reference_to,
    is_seconds,
    is_server,
    is_text,
    is_uuid,
)
from referral_service.api.cds_hooks.offer import Service
from referral_service.core.problem import Category, Issue, Problem
from referral_service.fhir.chart_bundle import identified
from referral_service.fhir.check import check
from referral_service.fhir.read import patient_of
from referral_service.workflow.advise import Hook
from referral_service.workflow.ports import PatientId

Json = dict[str, Any]
_REQUEST: Final = (
    Element("hook", is_text, "the name of a hook"),
    Element("hookInstance", is_uuid, "a UUID"),
    Element("context", is_object, "an object"),
    Element("fhirServer", is_server, "an https address (http on this machine alone)", False),
    Element("fhirAuthorization", is_object, "an object", False),
    Element("prefetch", is_object, "an object", False),
    Element("extension", is_object, "an object", False),
)
_AUTHORIZATION: Final = (
    Element("access_token", is_bearer, "a bearer token"),
    Element("token_type", lambda it: it == "Bearer", "Bearer"),
    Element("expires_in", is_seconds, "a positive number of seconds"),
    Element("scope", is_text, "text"),
    Element("subject", is_text, "text"),
    Element("patient", is_text, "text", False),
)
_PEOPLE: Final = ("Practitioner", "PractitionerRole")
_ANYBODY: Final = (*_PEOPLE, "Patient", "RelatedPerson")


def _context(users: tuple[str, ...], *more: Element) -> tuple[Element, ...]:
    return (
        Element("userId", is_reference_to(*users), "a reference to a user, such as Practitioner/ID"),
        Element("patientId", is_id, "the id of a Patient"),
        Element("encounterId", is_id, "the id of an Encounter", False),
        *more,
    )


_CONTEXTS: Final[Mapping[Hook, tuple[Element, ...]]] = {
    "patient-view": _context(_ANYBODY),
    "order-sign": _context(_PEOPLE, Element("draftOrders", is_object, "a Bundle")),
    "problem-list-item-create": _context(_PEOPLE, Element("conditions", is_object, "a Bundle")),
}


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call without faults of its own: `ordered` and `recorded` are what its hook is about."""

    hook: Hook
    instance: UUID
    patient: PatientId
    prefetch: Json
    ordered: tuple[Json, ...] = ()
    recorded: tuple[Json, ...] = ()
    server: str = ""
    bearer: str = ""

    def __repr__(self) -> str:
        """Nothing of it: it holds a chart and a token."""
        return "Call(...)"


def understood(said: Json, service: Service) -> Call:
    """The call; raises INCORRECT with every fault."""
    found = faults(said, _REQUEST, "")
    context, authorization = said.get("context"), said.get("fhirAuthorization")
    if is_text(said.get("hook")) and said["hook"] != service.hook:
        found.append(Issue("value", f"This service is for the hook {service.hook}.", "hook"))
    if isinstance(context, dict):
        found += faults(context, _CONTEXTS[service.hook], "context.")
    if isinstance(authorization, dict):
        found += faults(authorization, _AUTHORIZATION, "fhirAuthorization.")
        if "fhirServer" not in said:
            found.append(Issue("required", "The element is required beside fhirAuthorization.", "fhirServer"))
    if found:
        raise Problem(Category.INCORRECT, *found)
    assert isinstance(context, dict), "it has been checked"
    return Call(
        hook=service.hook,
        instance=UUID(said["hookInstance"]),
        patient=PatientId(context["patientId"]),
        prefetch=said.get("prefetch", {}),
        ordered=_read(context, "draftOrders", "ServiceRequest"),
        recorded=tuple(map(identified, _read(context, "conditions", "Condition"))),
        server=said.get("fhirServer", ""),
        bearer=(authorization or {}).get("access_token", ""),
    )


def _read(context: Json, name: str, type: str) -> tuple[Json, ...]:
    """The resources of a type in a Bundle of the context; none where the hook has no such element."""
    if not isinstance(context.get(name), dict):
        return ()
    found, wrong = [], []
    for where, resource in entries(context[name], f"context.{name}"):
        if resource["resourceType"] == type:
            found.append(resource)
            wrong += [*check(resource, where), *of_another(resource, context["patientId"], where)]
    if wrong:
        raise Problem(Category.INCORRECT, *wrong)
    return tuple(found)


def entries(bundle: Json, path: str) -> Iterator[tuple[str, Json]]:
    """The resources of a Bundle with their paths; raises INCORRECT where it is none.

    Clients leave out what only Bundles that are stored need, such as `type`, so that nobody asks for it.
    """
    if bundle.get("resourceType") != "Bundle":
        raise Problem(Category.INCORRECT, Issue("value", "Not a Bundle.", f"{path}.resourceType"))
    listed = bundle.get("entry", [])
    if not isinstance(listed, list):
        raise Problem(Category.INCORRECT, Issue("structure", "Not an array.", f"{path}.entry"))
    for number, entry in enumerate(listed):
        where = f"{path}.entry[{number}].resource"
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not is_text(resource.get("resourceType")):
            raise Problem(Category.INCORRECT, Issue("structure", "Not a resource.", where))
        yield where, resource


def of_another(resource: Json, patient: str, path: str) -> list[Issue]:
    """The fault of a resource that belongs to another patient than the one in context."""
    try:
        owner = patient_of(resource)
    except (AttributeError, TypeError):  # the checker has said so already
        return []
    if owner in (None, patient):
        return []
    return [Issue("value", "This is of another patient than context.patientId.", path)]
