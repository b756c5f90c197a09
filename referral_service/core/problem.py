"""Everything that can go wrong, in one table: what HTTP answers and what a worker does.

The table is repeated in docs/operations.md; a test compares the two.
"""

from enum import Enum
from typing import NamedTuple

import msgspec


class Issue(msgspec.Struct, frozen=True):
    """One thing wrong with an input: a FHIR issue-type code, a sentence without patient values, a path."""

    code: str
    diagnostics: str
    expression: str = ""


class Handling(NamedTuple):
    """How one category is answered: HTTP status, FHIR issue-type code, and the worker's next step."""

    status: int
    code: str
    worker: str


class Category(Enum):
    """The kinds of failure, from the sender's fault to ours."""

    INCORRECT = Handling(400, "invalid", "park")
    FORBIDDEN = Handling(403, "forbidden", "park")
    NOT_FOUND = Handling(404, "not-found", "park")
    UNSUPPORTED = Handling(404, "not-supported", "park")
    REFUSED = Handling(422, "business-rule", "park")
    CONFLICT = Handling(409, "conflict", "reload")
    BUSY = Handling(429, "throttled", "wait")
    UNAVAILABLE = Handling(503, "transient", "retry")
    INTERRUPTED = Handling(504, "timeout", "search")
    FAULT = Handling(500, "exception", "retry")


class Problem(Exception):
    """A failure with its category and the issues to show; carries no patient data."""

    def __init__(self, category: Category, *issues: Issue, wait_seconds: float | None = None) -> None:
        """`issues` may be empty: then the category's own code stands alone; `wait_seconds` if one is told."""
        super().__init__("; ".join(issue.diagnostics for issue in issues) or category.name.lower())
        self.category = category
        self.wait_seconds = wait_seconds
        self.issues = issues or (Issue(category.value.code, category.name.lower().replace("_", " ")),)


def problem(category: Category, diagnostics: str, expression: str = "", code: str = "") -> Problem:
    """A problem with one issue; `code` defaults to the category's own."""
    return Problem(category, Issue(code or category.value.code, diagnostics, expression))
