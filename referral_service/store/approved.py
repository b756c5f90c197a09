"""Every order that was ever approved, a batch at a time, with what its message says; read-only."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Engine, func, select, tuple_

from referral_service.store import bodies
from referral_service.store.engine import reading as snapshot
from referral_service.store.outside import message
from referral_service.store.tables import referral
from referral_service.workflow.ports import Referral, Tenant

_AT_ONCE = 200
_IDS = msgspec.json.Decoder(dict[str, str])


class Approved(NamedTuple):
    """An order. `there`: the ids that the other side gave it; none of one that people entered by hand."""

    tenant: Tenant
    referral: Referral
    there: dict[str, str]


_IS_APPROVED = referral.c.fulfillment_status.is_not(None)


def number(engine: Engine) -> int:
    """How many there are."""
    with snapshot(engine) as connection:
        return connection.scalar(select(func.count()).select_from(referral).where(_IS_APPROVED)) or 0


def orders(engine: Engine) -> Iterator[list[Approved]]:
    """All of them; no transaction is open between two batches."""
    keys = (referral.c.tenant, referral.c.task)
    asked = select(*keys, referral.c.body).where(_IS_APPROVED).order_by(*keys).limit(_AT_ONCE)
    after: ColumnElement[bool] | None = None
    while True:
        with snapshot(engine) as connection:
            rows = connection.execute(asked if after is None else asked.where(after)).all()
            kept = [(Tenant(row.tenant), bodies.referral(row.body)) for row in rows]
            wanted = [(tenant, one.order) for tenant, one in kept]
            told = select(message.c.tenant, message.c.id, message.c.body)
            found = connection.execute(told.where(tuple_(message.c.tenant, message.c.id).in_(wanted)))
            there = {(row.tenant, row.id): _IDS.decode(row.body) for row in found}
        yield [Approved(tenant, one, there.get((tenant, one.order), {})) for tenant, one in kept]
        if len(rows) < _AT_ONCE:
            return
        after = tuple_(*keys) > tuple_(rows[-1].tenant, rows[-1].task)
