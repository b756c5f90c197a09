"""The ledger: who did what, appended only, each line's hash covering the one before it.

A line's hash is SHA-256 over the JSON array of its tenant, number, instant, kind, subject, actor, detail and
the previous line's hash. The head of each tenant's ledger is kept apart, so that a cut tail shows too.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

import msgspec
import orjson
from sqlalchemy import Connection, select

from referral_service.store.bulk import Statement, inserting
from referral_service.store.tables import ledger, ledger_head, microseconds
from referral_service.workflow.ports import Happening, Tenant

_HEAD = Statement("SELECT seq, hash FROM ledger_head WHERE tenant = ?")
_LOCKED_HEAD = Statement("SELECT seq, hash FROM ledger_head WHERE tenant = ?", locks=True)
_MOVE_HEAD = Statement("UPDATE ledger_head SET seq = ?, hash = ? WHERE tenant = ?")
_LINE = inserting(ledger)
_FIRST_HEAD = inserting(ledger_head, "ON CONFLICT (tenant) DO NOTHING")


class Verdict(msgspec.Struct, frozen=True):
    """How many lines of a ledger hold, and the number of the first that does not (None: all hold)."""

    lines: int
    broken_at: int | None


def append(connection: Connection, tenant: Tenant, at: datetime, happenings: Sequence[Happening]) -> None:
    """Adds lines to a tenant's ledger; others that would wait until this transaction ends."""
    seq, previous = _lock_head(connection, tenant)
    moment, lines = microseconds(at), []
    for one in happenings:
        seq += 1
        detail = orjson.dumps(one.detail, option=orjson.OPT_SORT_KEYS).decode()
        line = (tenant, seq, moment, one.kind, one.subject, one.actor, detail, previous)
        previous = _hash(line)
        lines.append((*line, previous))
    _LINE.run(connection, lines)
    _MOVE_HEAD.run(connection, [(seq, previous, tenant)])


def verify(connection: Connection, tenant: Tenant) -> Verdict:
    """Recomputes a tenant's ledger from its first line."""
    asked = select(ledger).where(ledger.c.tenant == tenant).order_by(ledger.c.seq)
    seq, previous = 0, ""
    with connection.execution_options(yield_per=1000).execute(asked) as lines:
        for line in lines:
            covered = (*line[:2], microseconds(line.at), *line[3:8])
            if line.seq != seq + 1 or line.previous != previous or line.hash != _hash(covered):
                return Verdict(seq, seq + 1)
            seq, previous = line.seq, line.hash
    head = _HEAD.read(connection, (tenant,))
    is_whole = (seq, previous) == (head[0] if head else (0, ""))
    return Verdict(seq, None if is_whole else seq + 1)


def _lock_head(connection: Connection, tenant: Tenant) -> tuple[int, str]:
    found = _LOCKED_HEAD.read(connection, (tenant,))
    if not found:
        _FIRST_HEAD.run(connection, [(tenant, 0, "")])
        found = _LOCKED_HEAD.read(connection, (tenant,))
    seq, newest = found[0]
    return seq, newest


def _hash(covered: tuple[object, ...]) -> str:
    return sha256(orjson.dumps(covered)).hexdigest()
