"""If-Match and If-None-Match as the version that a write expects."""

import re

from starlette.concurrency import run_in_threadpool

from referral_service.api.errors import HttpProblem
from referral_service.api.fhir.exchange import Ask
from referral_service.api.fhir.face import Face
from referral_service.core.problem import Category, Problem, problem

_TAG = re.compile(r'(?:W/)?"(\d{1,18})"\Z')
_NEVER = -1
ANY = "*"


def expected(ask: Ask) -> int | None:
    """The version that must be current; 0: none may be; None: any. An ETag unlike ours never matches.

    If-Match: * asks for no version: whoever writes looks whether there is any.
    """
    if ask.if_match and ask.if_match.strip() != ANY:
        tag = _TAG.match(ask.if_match.strip())
        return int(tag[1]) if tag else _NEVER
    if ask.if_none_match.strip() == ANY:
        return 0
    if ask.if_none_match:
        raise problem(Category.INCORRECT, "A write takes If-None-Match: * only.", code="value")
    return None


def unmet(error: Problem) -> HttpProblem | Problem:
    """The store's conflict as HTTP's 412; any other problem as it is."""
    if error.category is Category.CONFLICT:
        return HttpProblem(412, "conflict", "The resource is no longer in the version that was expected.")
    return error


async def found(face: Face, ask: Ask, identity: str) -> int | None:
    """The version that the store must find for the write's precondition to hold then too; None: any.

    412 if it does not hold now: If-Match names none of the resource's versions, or the one that is its
    deletion; If-None-Match: * and there is one. A deleted resource is none.
    """
    if not ask.if_match:
        if expected(ask) is None:
            return None
        stored = await run_in_threadpool(face.service.store.read, ask.tenant, ask.type, identity)
        if stored is None:
            return 0
        if not stored.is_deleted:
            raise HttpProblem(412, "conflict", "There is such a resource already.")
        return stored.version
    stored = await run_in_threadpool(face.service.store.read, ask.tenant, ask.type, identity)
    if stored is None or stored.is_deleted:
        raise HttpProblem(412, "conflict", "There is no such resource.")
    if ask.if_match.strip() == ANY:
        return None
    tags = (_TAG.match(tag.strip()) for tag in ask.if_match.split(","))
    if stored.version not in {int(tag[1]) for tag in tags if tag}:
        raise HttpProblem(412, "conflict", "The resource is no longer in a version that was expected.")
    return stored.version
