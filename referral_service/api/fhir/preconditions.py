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


async def must_exist(face: Face, ask: Ask, identity: str) -> None:
    """412 for If-Match: * where there is no such resource."""
    if ask.if_match.strip() == ANY:
        stored = await run_in_threadpool(face.service.store.read, ask.tenant, ask.type, identity)
        if stored is None or stored.is_deleted:
            raise HttpProblem(412, "conflict", "There is no such resource.")
