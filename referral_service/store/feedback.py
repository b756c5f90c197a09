"""What became of cards: each answer of a person once, whoever sends it again, with its line of the ledger."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from referral_service.store import ledger
from referral_service.store.bulk import inserting
from referral_service.store.outside import feedback
from referral_service.store.tables import microseconds
from referral_service.workflow.ports import Happening, Tenant

_KEEP = inserting(feedback, "ON CONFLICT (tenant, card, at) DO NOTHING RETURNING card")


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """A person's answer to a card (its UUID) at an instant: accepted or overridden, and why (a code)."""

    card: str
    at: datetime
    service: str
    outcome: str
    reason: str | None = None


def keep(connection: Connection, tenant: Tenant, given: Sequence[Feedback], actor: str, now: datetime) -> int:
    """Keeps what is new, and says how much that is. `connection` is a transaction that writes."""
    # in one order for everybody, so that two senders of the same never wait for each other
    new = [
        one for one in sorted(given, key=lambda one: (one.card, one.at)) if _is_new(connection, tenant, one)
    ]
    if new:
        ledger.append(connection, tenant, now, [_line(one, actor) for one in new])
    return len(new)


def _is_new(connection: Connection, tenant: Tenant, one: Feedback) -> bool:
    row = (tenant, one.card, microseconds(one.at), one.service, one.outcome, one.reason)
    return bool(_KEEP.read(connection, row))


def _line(one: Feedback, actor: str) -> Happening:
    detail = {"service": one.service, "outcome": one.outcome, "reason": one.reason}
    return Happening("answered-card", one.card, actor, {name: said for name, said in detail.items() if said})
