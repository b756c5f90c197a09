"""OperationOutcome: what FHIR answers when something is wrong, or worth knowing."""

from collections.abc import Iterable
from typing import Any, Literal

from referral_service.core.problem import Issue

Severity = Literal["fatal", "error", "warning", "information"]


def outcome(issues: Iterable[Issue], severity: Severity = "error") -> dict[str, Any]:
    """One issue a problem, `expression` its FHIRPath where there is one. `issues` holds at least one."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(issue, severity) for issue in issues]}


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
