"""What an interaction is asked and what it answers, whether alone over HTTP or as an entry of a Bundle."""

from typing import Any

import msgspec

from referral_service.api.identity import mint
from referral_service.auth.principal import Principal
from referral_service.core.problem import Issue
from referral_service.fhir.space import Space
from referral_service.workflow.ports import Stored, Tenant


class Visit(msgspec.Struct, kw_only=True):
    """Where a request comes from, for the record, and whether it is on record already."""

    address: str
    is_told: bool = False


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One interaction's request. `base` is the address of /fhir; `actor` is who acts, as a reference.

    `path` is the FHIRPath of `resource` in what was sent. `parameters` are those of the query, in order.
    `patch` are the operations of a JSON Patch. `about` is the type that an operation belongs to. `visit` is
    None where nothing is put on record. `wait_seconds`, if any: too much was asked for lately, so that
    nothing but what may be a red flag is taken.
    """

    base: str
    principal: Principal
    tenant: Tenant
    actor: str
    type: str = ""
    id: str = ""
    version: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    resource: dict[str, Any] | None = None
    patch: tuple[dict[str, Any], ...] = ()
    path: str = ""
    if_match: str = ""
    if_none_match: str = ""
    if_none_exist: str = ""
    if_modified_since: str = ""
    if_unmodified_since: str = ""
    returns: str = ""
    is_strict: bool = False
    about: str = ""
    visit: Visit | None = None
    wait_seconds: float = 0.0

    def new_id(self, type: str) -> str:
        """One that no resource has, in the id space of who asks."""
        return Space(self.principal.space).inner(type, mint())

    @property
    def content(self) -> dict[str, Any]:
        """The resource of an interaction that has one."""
        assert self.resource is not None
        return self.resource


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One interaction's response: a stored version, or JSON already written, or nothing but a status.

    `is_written`: the version is the outcome of a write, so that Location names it and Prefer counts.
    `is_bare`: asked by HEAD, so that an entry of a Bundle says no more than its response's headers would.
    `issues` are informational. `patients` are the ids of those whose data is in it, of a search or a history.
    """

    status: int
    stored: Stored | None = None
    body: bytes | None = None
    is_written: bool = False
    is_bare: bool = False
    issues: tuple[Issue, ...] = ()
    patients: tuple[str, ...] = ()
