"""Every order that was ever approved, a batch at a time, with what its message says; read-only."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Engine, func, select, true, tuple_

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


_KEYS = (referral.c.tenant, referral.c.task)
_IS_APPROVED = referral.c.fulfillment_status.is_not(None)


def number(engine: Engine) -> int:
    """How many there are."""
    with snapshot(engine) as connection:
        return connection.scalar(select(func.count()).select_from(referral).where(_IS_APPROVED)) or 0


def orders(engine: Engine) -> Iterator[list[Approved]]:
    """All of them; no transaction is open between two batches."""
    after: ColumnElement[bool] = true()
    while True:
        some = _read(engine, after)
        yield some
        if len(some) < _AT_ONCE:
            return
        after = tuple_(*_KEYS) > tuple_(some[-1].tenant, some[-1].referral.task)


def again(engine: Engine, one: Approved) -> Approved | None:
    """The same order as it is by now; None if it is no more."""
    own = tuple_(*_KEYS) == tuple_(one.tenant, one.referral.task)
    return next(iter(_read(engine, own)), None)


def _read(engine: Engine, which: ColumnElement[bool]) -> list[Approved]:
    asked = select(*_KEYS, referral.c.body).where(_IS_APPROVED, which).order_by(*_KEYS).limit(_AT_ONCE)
    with snapshot(engine) as connection:
        kept = [(Tenant(row.tenant), bodies.referral(row.body)) for row in connection.execute(asked)]
        wanted = [(tenant, one.order) for tenant, one in kept]
        told = select(message.c.tenant, message.c.id, message.c.body)
        found = connection.execute(told.where(tuple_(message.c.tenant, message.c.id).in_(wanted)))
        there = {(row.tenant, row.id): _IDS.decode(row.body) for row in found}
    return [Approved(tenant, one, there.get((tenant, one.order), {})) for tenant, one in kept]
