"""Which new versions brought a deleted resource back."""

from collections.abc import Iterable
from functools import cache

from sqlalchemy import Connection

from referral_service.store.bulk import Statement
from referral_service.workflow.ports import Stored, Tenant

_MOST_AT_ONCE = 8192  # databases bind only so many values


@cache
def _deletions(size: int) -> Statement:
    """Finds the deletions among the earlier versions of so many resources of a type."""
    marks = ", ".join("?" * size)
    return Statement(
        "SELECT id, version FROM resource_version"  # noqa: S608 - marks alone
        f" WHERE tenant = ? AND type = ? AND id IN ({marks}) AND is_deleted = ?"
    )


def came_back(connection: Connection, tenant: Tenant, written: Iterable[Stored]) -> set[tuple[str, str]]:
    """Those of these versions, by type and id, before which the resource was deleted."""
    before: dict[str, dict[str, int]] = {}
    for one in written:
        if one.version > 1:
            before.setdefault(one.type, {})[one.id] = one.version - 1
    return {
        (kind, identity)
        for kind, versions in before.items()
        for identity, version in _deleted(connection, tenant, kind, list(versions))
        if versions[identity] == version
    }


def _deleted(connection: Connection, tenant: Tenant, kind: str, ids: list[str]) -> Iterable[tuple[str, int]]:
    for start in range(0, len(ids), _MOST_AT_ONCE):
        asked = ids[start : start + _MOST_AT_ONCE]
        # Few sizes: a driver prepares each text anew.
        size = 1 << (len(asked) - 1).bit_length()
        asked += [asked[-1]] * (size - len(asked))
        yield from _deletions(size).read(connection, (tenant, kind, *asked, True))
