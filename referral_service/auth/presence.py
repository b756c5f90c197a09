"""Who is signed in, for operators: as rows without anybody's chart, and one person's end."""

from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Engine

from referral_service.auth.principal import Role
from referral_service.auth.sessions import Body
from referral_service.fhir.audit import AUDIT, LOGOUT
from referral_service.store import ledger
from referral_service.store import sessions as rows
from referral_service.store.engine import reading, writing
from referral_service.workflow.ports import Clock, Happening, Tenant


class Presence(msgspec.Struct, frozen=True):
    """One session; `is_led`: out of a patient's chart. `until` is its end at the latest."""

    tenant: str
    person: str
    roles: tuple[Role, ...]
    is_led: bool
    begun_at: datetime
    seen_at: datetime
    until: datetime


_read: Final = msgspec.json.Decoder(Body).decode


def present(engine: Engine, clock: Clock) -> list[Presence]:
    """Every session that has not reached its end, by tenant and person."""
    with reading(engine) as connection:
        found = [(one, _read(one.body)) for one in rows.lasting(connection, clock.now())]
    listed = [
        Presence(
            one.tenant,
            body.actor,
            body.roles,
            body.patient is not None,
            one.begun_at,
            one.seen_at,
            one.until,
        )
        for one, body in found
    ]
    return sorted(listed, key=lambda one: (one.tenant, one.person, one.begun_at))


def sign_out(engine: Engine, clock: Clock, tenant: Tenant, person: str, operator: str) -> int:
    """Ends all of a person's sessions, with a line of the ledger; how many there were."""
    now = clock.now()
    with writing(engine) as connection:
        found = [one for one in rows.lasting(connection, now) if one.tenant == tenant]
        theirs = [one.id for one in found if _read(one.body).actor == person]
        for id in theirs:
            rows.end(connection, id)
        if theirs:
            detail = {"did": LOGOUT, "sessions": str(len(theirs))}
            ledger.append(connection, tenant, now, [Happening(AUDIT, person, operator, detail)])
    return len(theirs)
