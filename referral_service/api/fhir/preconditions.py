"""If-Match and If-None-Match as the version that a write expects."""

import re

from referral_service.api.errors import HttpProblem
from referral_service.api.fhir.exchange import Ask
from referral_service.core.problem import Category, Problem, problem

_TAG = re.compile(r'(?:W/)?"(\d{1,18})"\Z')
_NEVER = -1


def expected(ask: Ask) -> int | None:
    """The version that must be current; 0: none may be; None: any. An ETag unlike ours never matches."""
    if ask.if_match:
        tag = _TAG.match(ask.if_match.strip())
        return int(tag[1]) if tag else _NEVER
    if ask.if_none_match.strip() == "*":
        return 0
    if ask.if_none_match:
        raise problem(Category.INCORRECT, "A write takes If-None-Match: * only.", code="value")
    return None


def unmet(error: Problem) -> HttpProblem | Problem:
    """The store's conflict as HTTP's 412; any other problem as it is."""
    if error.category is Category.CONFLICT:
        return HttpProblem(412, "conflict", "The resource is no longer in the version that was expected.")
    return error
