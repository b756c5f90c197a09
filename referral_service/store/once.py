"""What counts once, such as the id of a token or of a notification: whichever process asks first has it."""

from datetime import datetime

from sqlalchemy import Connection

from referral_service.store.bulk import Statement
from referral_service.store.tables import microseconds
from referral_service.workflow.ports import Tenant

_FORGET = Statement("DELETE FROM once WHERE until < ?")
_FIND = Statement("SELECT until FROM once WHERE tenant = ? AND kind = ? AND key = ?")
_KEEP = Statement(
    "INSERT INTO once (tenant, kind, key, until) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (tenant, kind, key) DO NOTHING RETURNING until"
)


def is_known(connection: Connection, tenant: Tenant, kind: str, key: str) -> bool:
    """Whether `key` is there."""
    return bool(_FIND.read(connection, (tenant, kind, key)))


def seen(
    connection: Connection, tenant: Tenant, kind: str, key: str, *, until: datetime, now: datetime
) -> bool:
    """Whether `key` was there already; else it is kept until `until`. Forgets whatever is past `now`.

    `connection` is a transaction that writes; what was seen counts once it is committed.
    """
    _FORGET.run(connection, [(microseconds(now),)])
    return not _KEEP.read(connection, (tenant, kind, key, microseconds(until)))
