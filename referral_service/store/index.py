"""The search index: what each resource is found by, and what a new version changes of it.

A resource keeps what it is found by beside its body. So the rows of the version before are known without
being looked for, and those that a new version shares with it stay as they are.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256

import msgspec
from sqlalchemy import Connection

from referral_service.store.bulk import Row, deleting, inserting
from referral_service.store.tables import FIRST, LAST, microseconds, moment, token
from referral_service.workflow.ports import Tenant, Term

Key = tuple[Tenant, str, str]
_LONGEST = 1000  # bytes, of a code and of a system: PostgreSQL indexes no key above 2,704


class FoundBy(msgspec.Struct, frozen=True, array_like=True):
    """What a version is found by: (name, code, system) and (name, start, end), each once; microseconds."""

    tokens: tuple[tuple[str, str, str], ...] = ()
    moments: tuple[tuple[str, int, int], ...] = ()


encode = msgspec.json.encode
decode = msgspec.json.Decoder(FoundBy).decode

_TABLES = ((inserting(token), deleting(token)), (inserting(moment), deleting(moment)))


def found_by(terms: Iterable[Term]) -> FoundBy:
    """What these terms come to in the index."""
    tokens: dict[tuple[str, str, str], None] = {}
    moments: dict[tuple[str, int, int], None] = {}
    for one in terms:
        if one.start is None and one.end is None:
            tokens[one.name, short(one.code), short(one.system)] = None
        else:
            moments[one.name, _instant(one.start, FIRST), _instant(one.end, LAST)] = None
    return FoundBy(tuple(tokens), tuple(moments))


def short(text: str) -> str:
    """A code or a system as it is indexed: itself, or the digest of a long one, which finds it as well."""
    if len(text) <= _LONGEST // 4:
        return text
    encoded = text.encode(errors="replace")
    return text if len(encoded) <= _LONGEST else f"sha256:{sha256(encoded).hexdigest()}"


def _instant(instant: datetime | None, open_end: int) -> int:
    return open_end if instant is None else microseconds(instant)


def change(connection: Connection, before: Mapping[Key, FoundBy], after: Mapping[Key, FoundBy]) -> None:
    """Brings the index from what resources were found by, those of them that it knows, to `after`."""
    gone: tuple[list[Row], list[Row]] = ([], [])
    new: tuple[list[Row], list[Row]] = ([], [])
    for key, now in after.items():
        was = before.get(key)
        if was is None:
            _rows(key, now, new)
        elif was != now:
            _rows(key, _without(was, now), gone)
            _rows(key, _without(now, was), new)
    for (insert, delete), fewer, more in zip(_TABLES, gone, new, strict=True):
        delete.run(connection, fewer)
        insert.run(connection, more)


def _without(one: FoundBy, other: FoundBy) -> FoundBy:
    return FoundBy(
        tuple(it for it in one.tokens if it not in other.tokens),
        tuple(it for it in one.moments if it not in other.moments),
    )


def _rows(key: Key, what: FoundBy, rows: tuple[list[Row], list[Row]]) -> None:
    tenant, kind, identity = key
    tokens, moments = rows
    tokens += [(tenant, kind, name, code, identity, system) for name, code, system in what.tokens]
    moments += [(tenant, kind, identity, name, start, end) for name, start, end in what.moments]
