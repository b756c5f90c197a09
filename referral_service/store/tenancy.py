"""Whose rows a transaction may see and write: what PostgreSQL's row-level security holds every query to.

It is the second line; the first is the tenant in each query's own condition. Every row has its tenant, and a
policy (migration 0008) compares it with the setting `referral.tenant` of the transaction. Processes that work
for all tenants set it to `*` when they connect. One that serves requests sets it at the beginning of each
transaction, to the tenant that `serving` has named: one that nobody has named sees nothing and writes
nothing. Open to all are `once` and `session`, which are looked into before it is known who asks; they hold
digests, no patient data but the id of a chart that is open. SQLite has nothing of the kind.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from sqlalchemy import Connection, Engine, event, text

from referral_service.store.bulk import Statement
from referral_service.workflow.ports import Tenant

ALL: Final = "*"  # no tenant's name: see auth/access.py
SETTING: Final = "referral.tenant"

_SERVED: ContextVar[str] = ContextVar("tenant", default="")
_SET = Statement(f"SELECT set_config('{SETTING}', ?, true)")
_IS_EXEMPT = text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")


@contextmanager
def serving(tenant: Tenant | str) -> Iterator[None]:
    """Transactions that begin inside are that tenant's, or ALL's: also in what this context starts."""
    before = _SERVED.set(tenant)
    try:
        yield
    finally:
        _SERVED.reset(before)


def hold(engine: Engine) -> None:
    """From now on each transaction is that of whoever is served then."""
    event.listen(engine, "begin", _begin)


def is_exempt(engine: Engine) -> bool:
    """Whether PostgreSQL asks this user nothing: superusers, and whoever has BYPASSRLS."""
    if engine.dialect.name != "postgresql":
        return False
    with engine.connect() as connection:
        return bool(connection.scalar(_IS_EXEMPT))


def _begin(connection: Connection) -> None:
    if tenant := _SERVED.get():
        _SET.run(connection, [(tenant,)])
