"""What PostgreSQL says of a statement's plan, once it has run."""

from collections.abc import Iterator
from typing import Any


def most_rows(plan: dict[str, Any]) -> float:
    """The most rows that one step of the plan read, those that it passed by included."""
    return max(_rows(plan))


def _rows(step: dict[str, Any]) -> Iterator[float]:
    passed = sum(step.get(f"Rows Removed by {it}", 0) for it in ("Filter", "Join Filter", "Index Recheck"))
    yield (step["Actual Rows"] + passed) * step["Actual Loops"]
    for part in step.get("Plans", ()):
        yield from _rows(part)
