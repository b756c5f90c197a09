"""Counts that survive restarts and cover every process: what happened how often, and how long it took."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import Connection, func, select

from referral_service.measures import BUCKETS, MICROSECONDS, SECONDS
from referral_service.store.bulk import inserting
from referral_service.store.tables import tally
from referral_service.workflow.ports import Tenant

# The name of a count, and its label: an outcome, a bucket.
Counted = tuple[Tenant, str, str]

_ADD = inserting(
    tally, "ON CONFLICT (tenant, name, label) DO UPDATE SET count = tally.count + excluded.count"
)


def add(connection: Connection, counted: Mapping[Counted, int]) -> None:
    """Adds to counts; the last thing that a transaction does, for others wait for these rows."""
    _ADD.run(connection, [(*key, number) for key, number in sorted(counted.items()) if number])


def durations(tenant: Tenant, name: str, waits: Sequence[timedelta]) -> dict[Counted, int]:
    """How long something took, as counts: one a bucket of SECONDS, and their sum."""
    counted: dict[Counted, int] = {}
    for wait in waits:
        bucket = BUCKETS[bisect_left(SECONDS, wait.total_seconds())]
        for label, number in ((bucket, 1), (MICROSECONDS, wait // timedelta(microseconds=1))):
            key = (tenant, name, label)
            counted[key] = counted.get(key, 0) + number
    return counted


def read(connection: Connection) -> dict[str, dict[str, int]]:
    """Every count of all tenants together, by name and label."""
    found: dict[str, dict[str, int]] = {}
    number = func.sum(tally.c.count).label("number")
    for row in connection.execute(select(tally.c.name, tally.c.label, number).group_by("name", "label")):
        found.setdefault(row.name, {})[row.label] = int(row.number)
    return found
