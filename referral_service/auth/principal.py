"""Whoever asks: for whom, as whom, in which roles, with which scopes. Every request has exactly one."""

from typing import Final, Literal, get_args

import msgspec

from referral_service.workflow.ports import DEFAULT_TENANT, Tenant

Role = Literal["coordinator", "clinician", "operator", "auditor"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """`actor` is a reference, such as Practitioner/ID or Device/ID; a system has `scopes` and no role.

    `patient`: nobody else may be seen (a launch from that patient's chart). `is_open`: authentication is off,
    and everything is allowed.
    """

    tenant: Tenant = DEFAULT_TENANT
    actor: str
    roles: frozenset[Role] = frozenset()
    scopes: tuple[str, ...] = ()
    patient: str | None = None
    is_open: bool = False
