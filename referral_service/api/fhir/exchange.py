"""What an interaction is asked and what it answers, whether alone over HTTP or as an entry of a Bundle."""

from typing import Any

import msgspec

from referral_service.auth.principal import Principal
from referral_service.core.problem import Issue
from referral_service.workflow.ports import Stored, Tenant


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One interaction's request. `base` is the address of /fhir; `actor` is who acts, as a reference.

    `path` is the FHIRPath of `resource` in what was sent. `parameters` are those of the query, in order.
    `patch` are the operations of a JSON Patch.
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

    @property
    def content(self) -> dict[str, Any]:
        """The resource of an interaction that has one."""
        assert self.resource is not None
        return self.resource


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One interaction's response: a stored version, or JSON already written, or nothing but a status.

    `is_written`: the version is the outcome of a write, so that Location names it and Prefer counts.
    `issues` are informational.
    """

    status: int
    stored: Stored | None = None
    body: bytes | None = None
    is_written: bool = False
    issues: tuple[Issue, ...] = ()
