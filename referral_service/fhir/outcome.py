"""OperationOutcome: what FHIR answers when something is wrong, or worth knowing."""

from collections.abc import Iterable
from itertools import islice
from typing import Any, Final, Literal

from referral_service.core.problem import Issue

Severity = Literal["fatal", "error", "warning", "information"]


# So many that a hostile body is not answered with more than it was.
_MOST: Final = 5000
_MORE: Final = Issue("too-costly", "More is wrong than is listed here.")


def outcome(issues: Iterable[Issue], severity: Severity = "error") -> dict[str, Any]:
    """One issue a problem, `expression` its FHIRPath where there is one. `issues` holds at least one."""
    listed = [*islice(issues, _MOST + 1)]
    if len(listed) > _MOST:
        listed[-1] = _MORE
    return {"resourceType": "OperationOutcome", "issue": [_issue(issue, severity) for issue in listed]}


def is_failure(resource: dict[str, Any]) -> bool:
    """Whether it is an OperationOutcome of an error: beside the matches of a search, these are not all."""
    issues = resource.get("issue") if resource.get("resourceType") == "OperationOutcome" else None
    said = (
        [one.get("severity") for one in issues if isinstance(one, dict)] if isinstance(issues, list) else []
    )
    return "error" in said or "fatal" in said


def _issue(issue: Issue, severity: Severity) -> dict[str, Any]:
    written: dict[str, Any] = {"severity": severity, "code": issue.code}
    if issue.diagnostics:
        written["diagnostics"] = issue.diagnostics
    if issue.expression:
        written["expression"] = [issue.expression]
    return written
