"""How far we have come with a source: one small value by name, put in the transaction of what it says."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from referral_service.store.bulk import Statement, deleting, replacing
from referral_service.store.outside import mark
from referral_service.store.tables import microseconds
from referral_service.workflow.ports import Tenant

_GET = Statement("SELECT value FROM mark WHERE tenant = ? AND source = ? AND name = ?")
_PUT = replacing(mark)
_DROP = deleting(mark)


def get(connection: Connection, tenant: Tenant, source: str, name: str) -> str | None:
    """The value that was put last."""
    found = _GET.read(connection, (tenant, source, name))
    return str(found[0][0]) if found else None


def put(connection: Connection, tenant: Tenant, source: str, name: str, value: str, at: datetime) -> None:
    """Takes the place of the value before; `at` is now."""
    _PUT.run(connection, [(tenant, source, name, value, microseconds(at))])


def drop(connection: Connection, tenant: Tenant, source: str, names: Iterable[str]) -> None:
    """What these names stood for is over."""
    _DROP.run(connection, [(tenant, source, name) for name in names])
