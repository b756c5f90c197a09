"""Who is signed in: a random value in a cookie, whose digest names a row of the table `session`.

It ends when nothing was done for a while, at a fixed time after it began, and when its owner signs out.
The row holds who acts, in which roles, for which tenant and, after a launch, whose chart is open and which
other one was opened in an emergency; no more.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from typing import Final

import msgspec
from sqlalchemy import Engine

from referral_service.auth.principal import Emergency, Principal, Purpose, Role
from referral_service.core.problem import Problem
from referral_service.fhir.audit import AUDIT, EMERGENCY
from referral_service.store import ledger, tally
from referral_service.store import sessions as rows
from referral_service.store.engine import reading, writing
from referral_service.store.tables import microseconds
from referral_service.store.tenancy import serving
from referral_service.workflow.ports import Clock, Happening

_BYTES: Final = 32
# What is looked at again and again is written down once a minute.
_PAUSE: Final = timedelta(minutes=1)
# How long an emergency lasts; whoever needs longer says why again.
LASTING: Final = timedelta(minutes=15)


class _Until(msgspec.Struct, frozen=True):
    patient: str
    purpose: Purpose
    until: int


class Body(msgspec.Struct, frozen=True):
    """What a session remembers of whom it is."""

    actor: str
    roles: tuple[Role, ...]
    patient: str | None = None
    emergency: _Until | msgspec.UnsetType = msgspec.UNSET


class Sessions:
    """All of them; several threads and processes may ask."""

    def __init__(self, engine: Engine, clock: Clock, idle: timedelta, most: timedelta) -> None:
        """`idle`: the longest without anything done; `most`: the longest at all."""
        self._engine = engine
        self._clock = clock
        self._idle = idle
        self._most = most

    def begin(self, principal: Principal, instead_of: str = "") -> str:
        """A new session's value, never one that was there before; ends the one of the value `instead_of`."""
        value, now = secrets.token_urlsafe(_BYTES), self._clock.now()
        body = Body(principal.actor, tuple(sorted(principal.roles)), principal.patient)
        one = rows.Session(
            id=_digest(value),
            tenant=principal.tenant,
            begun_at=now,
            seen_at=now,
            until=now + self._most,
            body=msgspec.json.encode(body),
        )
        with writing(self._engine) as connection:
            rows.begin(connection, one, _digest(instead_of))
        return value

    def find(self, value: str, *, is_used: bool = True) -> Principal | None:
        """Whose it is, if it has not ended; unless it `is_used`, looking does not make it last longer."""
        id, now = _digest(value), self._clock.now()
        with reading(self._engine) as connection:
            found = rows.find(connection, id)
        if found is None or now >= found.until or now >= found.seen_at + self._idle:
            return None
        if is_used and now - found.seen_at >= _PAUSE:
            # Where nothing can be written, pages may still be read until the session has ended.
            with suppress(Problem), writing(self._engine) as connection:
                rows.seen(connection, id, now)
        body, emergency = msgspec.json.decode(found.body, type=Body), None
        if body.emergency and microseconds(now) < body.emergency.until:
            emergency = Emergency(body.emergency.patient, body.emergency.purpose)
        return Principal(
            tenant=found.tenant,
            actor=body.actor,
            roles=frozenset(body.roles),
            patient=body.patient,
            emergency=emergency,
        )

    def let_in(self, value: str, emergency: Emergency, detail: dict[str, str]) -> bool:
        """Its owner reads one patient more for LASTING, in place of any other; False if it has ended.

        On record, with that `detail`, and counted for operators in the same transaction.
        """
        id, now = _digest(value), self._clock.now()
        with reading(self._engine) as connection:
            found = rows.find(connection, id)
        if found is None:
            return False
        until = _Until(emergency.patient, emergency.purpose, microseconds(now + LASTING))
        body = msgspec.structs.replace(msgspec.json.decode(found.body, type=Body), emergency=until)
        said = {**detail, "patients": f" {emergency.patient} ", "purpose": emergency.purpose}
        line = Happening(AUDIT, EMERGENCY, body.actor, said)
        with serving(found.tenant), writing(self._engine) as connection:
            rows.change(connection, id, msgspec.json.encode(body))
            ledger.append(connection, found.tenant, now, [line])
            tally.add(connection, {(found.tenant, "emergency_accesses", ""): 1})
        return True

    def end(self, value: str) -> None:
        """Nobody is signed in by it any more."""
        with writing(self._engine) as connection:
            rows.end(connection, _digest(value))


def form_token(value: str) -> str:
    """What forms of the session's pages must bring: nobody knows it without the session's value."""
    return urlsafe_b64encode(hmac.digest(value.encode(), b"form", "sha256")).decode().rstrip("=")


def _digest(value: str) -> str:
    return sha256(value.encode()).hexdigest()
