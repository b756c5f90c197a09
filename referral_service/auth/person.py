"""Who has signed in, for this service: from the claims of a verified ID token to a Principal.

Nothing else is asked: what a user can change at the provider by themselves is not read from its userinfo.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, Literal

import msgspec
from pydantic import TypeAdapter, ValidationError

from referral_service.auth.access import Ehr, People
from referral_service.auth.principal import Principal, Role
from referral_service.fhir.search.reference import is_id, local
from referral_service.fhir.space import Space
from referral_service.sources import Name
from referral_service.workflow.ports import Tenant

Json = Mapping[str, Any]
Lack = Literal["role", "tenant", "practitioner", "patient", "ehr"]
_FHIR_USER: Final = "fhirUser"
# Those who treat others; Patient and RelatedPerson are none of them.
_STAFF: Final = ("Practitioner/", "PractitionerRole/")
_DIGITS: Final = 32
_TENANT: Final = TypeAdapter(Name)


class Unwelcome(Exception):
    """Somebody who is truly who they are, and has nothing to do here."""

    def __init__(self, lack: Lack, actor: str = "", tenant: Tenant | None = None) -> None:
        """`lack` is what is not known of them; `actor` and `tenant`, as far as these are."""
        super().__init__(lack)
        self.lack: Lack = lack
        self.actor = actor
        self.tenant = tenant


def colleague(people: People, claims: Json) -> Principal:
    """Somebody of the site itself; Unwelcome."""
    named = _listed(_within(claims, people.roles.claim))
    roles: frozenset[Role] = frozenset(people.roles.map[one] for one in named if one in people.roles.map)
    actor = _practitioner(claims.get(people.practitioner_claim), people.practitioner_claim)
    tenant = _tenant(people, claims, actor)
    if not roles:
        raise Unwelcome("role", actor, tenant)
    return Principal(tenant=tenant, actor=actor, roles=roles)


def visitor(ehr: Ehr, claims: Json, given: Json) -> Principal:
    """A user of an EHR, with the chart that is open there; `given` came with the ID token. Unwelcome."""
    actor, tenant = _practitioner(claims.get(_FHIR_USER), _FHIR_USER), Tenant(ehr.tenant)
    patient = given.get("patient")
    if not isinstance(patient, str) or not is_id(patient):
        raise Unwelcome("patient", actor, tenant)
    here = Space(ehr.source or "").inner("Patient", patient)
    return Principal(tenant=tenant, actor=actor, roles=frozenset({ehr.role}), patient=here)


def _tenant(people: People, claims: Json, actor: str) -> Tenant:
    said = claims.get(people.tenant_claim) if people.tenant_claim else people.tenant
    try:
        return Tenant(_TENANT.validate_python(said, strict=True))
    except ValidationError:
        raise Unwelcome("tenant", actor) from None


def _practitioner(said: object, claim: str) -> str:
    """As who they act: a reference as it is, an id as that of a Practitioner."""
    if not isinstance(said, str) or not said:
        raise Unwelcome("practitioner")
    if claim == _FHIR_USER:
        reference = local(said)
        if reference is None or not reference.startswith(_STAFF):
            raise Unwelcome("practitioner")
        return reference
    # What cannot be an id has one made of it, always the same.
    return f"Practitioner/{said if is_id(said) else sha256(said.encode()).hexdigest()[:_DIGITS]}"


def _within(claims: Json, path: str) -> object:
    """The claim of that very name, else the one that its parts lead to."""
    if path in claims:
        return claims[path]
    found: object = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _listed(said: object) -> list[str]:
    try:
        return [said] if isinstance(said, str) else msgspec.convert(said, list[str])
    except msgspec.ValidationError:
        return []
