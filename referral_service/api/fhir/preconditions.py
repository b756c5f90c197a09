"""Conditions of a request on what is there: RFC 9110, 13.1."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from starlette.concurrency import run_in_threadpool

from referral_service.api.errors import HttpProblem
from referral_service.api.fhir import render
from referral_service.api.fhir.exchange import Ask
from referral_service.api.fhir.face import Face
from referral_service.core.problem import Category, Problem
from referral_service.workflow.ports import Stored

ANY = "*"


def unmet(error: Problem) -> HttpProblem | Problem:
    """The store's conflict as HTTP's 412; any other problem as it is."""
    if error.category is Category.CONFLICT:
        return HttpProblem(412, "conflict", "The resource is no longer in the version that was expected.")
    return error


async def found(face: Face, ask: Ask, identity: str) -> int | None:
    """The version that the store must find for the write's precondition to hold then too; None: any, 0: none.

    412 if it does not hold now: If-Match names none of the resource's versions, or the one that is its
    deletion; it was changed after If-Unmodified-Since; If-None-Match names its version, or any and there is
    one. A deleted resource is none.
    """
    is_to_be_none = ask.if_none_match.strip() == ANY
    since = None if ask.if_match else date_in(ask.if_unmodified_since)
    if not (ask.if_match or ask.if_none_match or since):
        return None
    stored = await run_in_threadpool(face.service.store.read, ask.tenant, ask.type, identity)
    living = None if stored is None or stored.is_deleted else stored
    if ask.if_match:
        return _matched(ask.if_match, living)
    if living and since and living.updated_at.replace(microsecond=0) > since:
        raise HttpProblem(412, "conflict", "The resource was changed since.")
    if living and names(ask.if_none_match, render.etag(living.version)):
        raise HttpProblem(412, "conflict", "There is such a resource already.")
    if stored is None:
        return 0 if is_to_be_none else None
    return stored.version if living or is_to_be_none else None


def _matched(if_match: str, living: Stored | None) -> int | None:
    if living is None:
        raise HttpProblem(412, "conflict", "There is no such resource.")
    if not names(if_match, render.etag(living.version)):
        raise HttpProblem(412, "conflict", "The resource is no longer in a version that was expected.")
    return None if if_match.strip() == ANY else living.version


def names(tags: str, etag: str) -> bool:
    """Whether a list of tags has this one, weak or not, or is any; tags are compared letter by letter."""
    said = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
    return not said.isdisjoint({ANY, etag.removeprefix("W/")})


def date_in(header: str) -> datetime | None:
    """An HTTP date; None for none and for a malformed one, which HTTP has ignored."""
    if not header:
        return None
    try:
        found = parsedate_to_datetime(header)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
