"""The ledger: who did what, appended only, each line's hash covering the one before it.

A line's hash is SHA-256 over the JSON array of its tenant, number, instant, kind, subject, actor, detail and
the previous line's hash. The head of each tenant's ledger is kept apart, so that a cut tail shows too.
Whoever may write to the database can compute all of it anew: referral_service/seal.py shows that.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import TypeVar

import msgspec
import orjson
from sqlalchemy import BigInteger, Connection, func, select, true, type_coerce, union

from referral_service.store.bulk import Statement, inserting
from referral_service.store.tables import ledger, ledger_head, microseconds
from referral_service.workflow.ports import Happening, Tenant

_HEAD = Statement("SELECT seq, hash FROM ledger_head WHERE tenant = ?")
_LOCKED_HEAD = Statement("SELECT seq, hash FROM ledger_head WHERE tenant = ?", locks=True)
_MOVE_HEAD = Statement("UPDATE ledger_head SET seq = ?, hash = ? WHERE tenant = ?")
_LINE = inserting(ledger)
_FIRST_HEAD = inserting(ledger_head, "ON CONFLICT (tenant) DO NOTHING")


# As the database holds them: read as an instant, a time between two microseconds would be rounded.
_AS_HELD = [type_coerce(it, BigInteger) if it is ledger.c.at else it for it in ledger.columns]
_BATCH = 1000


class Head(msgspec.Struct, frozen=True):
    """The last line of a tenant's ledger, at some instant."""

    tenant: str
    seq: int
    hash: str


AnyHead = TypeVar("AnyHead", bound=Head)


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


def verify(
    connection: Connection, tenant: Tenant, progress: Callable[[int], None] = lambda lines: None
) -> Verdict:
    """Recomputes a tenant's ledger from its first line; `progress` hears how many lines more are done."""
    asked = select(*_AS_HELD).where(ledger.c.tenant == tenant).order_by(ledger.c.seq)
    seq, previous = 0, ""
    with connection.execution_options(yield_per=_BATCH).execute(asked) as lines:
        for batch in lines.partitions():
            for line in batch:
                if line.seq != seq + 1 or line.previous != previous or not _is_intact(line[:8], line.hash):
                    return Verdict(seq, seq + 1)
                seq, previous = line.seq, line.hash
            progress(len(batch))
    head = _HEAD.read(connection, (tenant,))
    is_whole = (seq, previous) == (head[0] if head else (0, ""))
    return Verdict(seq, None if is_whole else seq + 1)


def tenants(connection: Connection) -> Iterator[Tenant]:
    """Whoever has lines or a head, one step through the index each."""
    names, last = [ledger.c.tenant, ledger_head.c.tenant], None
    while True:
        later = [true() if last is None else name > last for name in names]
        firsts = union(
            *(select(func.min(name).label("name")).where(it) for name, it in zip(names, later, strict=True))
        )
        last = connection.scalar(select(func.min(firsts.subquery().c.name)))
        if last is None:
            return
        yield Tenant(last)


def heads(connection: Connection) -> list[Head]:
    """The last line of every tenant."""
    return [Head(*row) for row in connection.execute(select(ledger_head).order_by(ledger_head.c.tenant))]


def missing(connection: Connection, heads: Sequence[AnyHead]) -> list[AnyHead]:
    """Those of some hundred earlier heads that are no line of their ledger any more, in their order."""
    asked: dict[str, set[int]] = defaultdict(set)
    for head in heads:
        asked[head.tenant].add(head.seq)
    found = {
        (tenant, *row)
        for tenant, numbers in asked.items()
        for row in connection.execute(
            select(ledger.c.seq, ledger.c.hash).where(ledger.c.tenant == tenant, ledger.c.seq.in_(numbers))
        )
    }
    return [head for head in heads if (head.tenant, head.seq, head.hash) not in found]


def _lock_head(connection: Connection, tenant: Tenant) -> tuple[int, str]:
    found = _LOCKED_HEAD.read(connection, (tenant,))
    if not found:
        _FIRST_HEAD.run(connection, [(tenant, 0, "")])
        found = _LOCKED_HEAD.read(connection, (tenant,))
    seq, newest = found[0]
    return seq, newest


def _is_intact(covered: Sequence[object], kept: str) -> bool:
    try:
        return _hash(tuple(covered)) == kept
    except TypeError:  # SQLite keeps bytes in any column; no line of ours has them
        return False


def _hash(covered: tuple[object, ...]) -> str:
    return sha256(orjson.dumps(covered)).hexdigest()
