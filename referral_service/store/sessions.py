"""People who have signed in, as rows; `id` is a digest, so that whoever reads the table can be nobody."""

from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Connection

from referral_service.store.bulk import Statement, deleting, inserting
from referral_service.store.outside import session
from referral_service.store.tables import instant, microseconds
from referral_service.workflow.ports import Tenant

_BEGIN: Final = inserting(session)
_END: Final = deleting(session)
_FIND: Final = Statement("SELECT tenant, begun_at, seen_at, until, body FROM session WHERE id = ?")
_SEEN: Final = Statement("UPDATE session SET seen_at = ? WHERE id = ? AND seen_at < ?")
_CHANGE: Final = Statement("UPDATE session SET body = ? WHERE id = ?")
_ALL: Final = Statement("SELECT id, tenant, begun_at, seen_at, until, body FROM session WHERE until > ?")
_FORGET: Final = Statement("DELETE FROM session WHERE until < ?")


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One session; it ends with `until`, or when nothing was done since `seen_at` for too long."""

    id: str
    tenant: Tenant
    begun_at: datetime
    seen_at: datetime
    until: datetime
    body: bytes


def begin(connection: Connection, one: Session, instead_of: str) -> None:
    """Keeps a session, ends the one of the id `instead_of`, and forgets those that are over."""
    _FORGET.run(connection, [(microseconds(one.begun_at),)])
    end(connection, instead_of)
    instants = (microseconds(at) for at in (one.begun_at, one.seen_at, one.until))
    _BEGIN.run(connection, [(one.id, one.tenant, *instants, one.body)])


def find(connection: Connection, id: str) -> Session | None:
    """The session of that id, over or not."""
    return next((_session(id, *row) for row in _FIND.read(connection, (id,))), None)


def lasting(connection: Connection, now: datetime) -> list[Session]:
    """All that may not be over by `now`; whoever does nothing for long is signed out nevertheless."""
    return [_session(*row) for row in _ALL.read(connection, (microseconds(now),))]


def seen(connection: Connection, id: str, at: datetime) -> None:
    """Somebody has used it; an instant before the one that is kept changes nothing."""
    _SEEN.run(connection, [(microseconds(at), id, microseconds(at))])


def change(connection: Connection, id: str, body: bytes) -> None:
    """Keeps another body."""
    _CHANGE.run(connection, [(body, id)])


def end(connection: Connection, id: str) -> None:
    """It is over at once."""
    _END.run(connection, [(id,)])


def _session(id: str, tenant: str, begun_at: int, seen_at: int, until: int, body: bytes) -> Session:
    return Session(
        id=id,
        tenant=Tenant(tenant),
        begun_at=instant(begun_at),
        seen_at=instant(seen_at),
        until=instant(until),
        body=bytes(body),
    )
