"""Whoever asks: for whom, as whom, in which roles, with which scopes. Every request has exactly one."""

from typing import Final, Literal, get_args

import msgspec

from referral_service.workflow.ports import DEFAULT_TENANT, Tenant

Role = Literal["coordinator", "clinician", "operator", "auditor"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)


# Why somebody may have to see more than they may: of HL7's v3-ActReason, narrower than its BTG.
Purpose = Literal["ETREAT", "PATSFTY"]
PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)


class Emergency(msgspec.Struct, frozen=True, array_like=True):
    """Whose pages somebody who was led here from another's chart reads for a while, and why."""

    patient: str
    purpose: Purpose


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """`actor` is a reference, such as Practitioner/ID or Device/ID; a system has `scopes` and no role.

    `patient`: nobody else may be seen (a launch from that patient's chart), but for an `emergency`.
    `space`: the name of the EHR whose ids a system speaks with, "" for ours.
    `is_open`: authentication is off, and everything is allowed.
    """

    tenant: Tenant = DEFAULT_TENANT
    actor: str
    roles: frozenset[Role] = frozenset()
    scopes: tuple[str, ...] = ()
    patient: str | None = None
    emergency: Emergency | None = None
    space: str = ""
    is_open: bool = False
