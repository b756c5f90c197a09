"""The entries of a posted Bundle as single requests, and their answers as a Bundle again."""

from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

import msgspec
import orjson
from starlette.concurrency import run_in_threadpool

from referral_service.api.errors import HttpProblem, status_of
from referral_service.api.fhir import render
from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.permit import may
from referral_service.api.fhir.table import Interaction, Place, find
from referral_service.core.problem import Issue, Problem
from referral_service.fhir.bundle import Condition, Entry
from referral_service.fhir.outcome import outcome
from referral_service.fhir.search.dates import span

# The one type that is not taken in, and yet may be written: by its fulfiller.
_TOLD: Final = "Task"
_PASSED_BY = Issue("not-supported", "Not stored: this service takes in no such resources.")
PASSED_BY = Answer(status=202, issues=(_PASSED_BY,))
# Bytes of all that a Bundle's reads give; each of them has a bound of its own.
MOST_READ: Final = 64 * 1024 * 1024
TOO_MUCH = HttpProblem(413, "too-costly", "The reads before this one gave too much: ask for it by itself.")
_SAID = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


async def telling(face: Face, ask: Ask, entries: Iterable[Entry]) -> frozenset[int]:
    """The indices of the entries that write a Task of ours, as its fulfiller may; an EHR's own are none."""
    tasks = [entry for entry in entries if entry.is_passed_by and entry.type == _TOLD]
    named = {(entry.type, entry.id) for entry in tasks if entry.id}
    stored = await run_in_threadpool(face.search.versions, ask.tenant, named) if named else {}
    found = {entry.index for entry in tasks if (entry.type, entry.id) in stored}
    if may(ask.principal, _TOLD, "search-type"):
        found |= {entry.index for entry in tasks if await _finds(face, ask, entry)}
    return frozenset(found)


async def _finds(face: Face, ask: Ask, entry: Entry) -> bool:
    """Whether an entry that says by a search which Task it means, means one that is here."""
    if entry.method == "POST" or not entry.query:
        return False
    # A search that is not understood is that of another's Task.
    with suppress(Problem):
        return bool(await face.find(ask.tenant, face.understand(Condition(entry.type, entry.query))))
    return False


async def answer(face: Face, ask: Ask, entry: Entry) -> Answer:
    """The entry carried out by itself; a failure is its answer, not an exception."""
    if entry.is_passed_by:
        return PASSED_BY
    try:
        interaction, place = _find(entry)
        alone = msgspec.structs.replace(
            for_entry(ask, entry), type=place.type, id=place.id, version=place.version, about=place.about
        )
        done = await interaction.perform(face, alone)
        return msgspec.structs.replace(done, is_bare=True) if entry.method == "HEAD" else done
    except (Problem, HttpProblem) as error:
        return failed(entry, error)


def failed(entry: Entry, error: Problem | HttpProblem) -> Answer:
    """The answer to an entry that fails so: what is said of no element is said of its request."""
    where = f"Bundle.entry[{entry.index}].request{'.url' if entry.method in ('GET', 'HEAD') else ''}"
    issues = (
        one if one.expression else msgspec.structs.replace(one, expression=where) for one in error.issues
    )
    return Answer(status=status_of(error), issues=tuple(issues))


def size(answer: Answer) -> int:
    """How many bytes an answer brings along, about."""
    if answer.is_bare:
        return 0
    return len(answer.body or b"") + (len(answer.stored.body) if answer.stored else 0)


def is_address(entry: Entry) -> bool:
    """Whether there is something that the entry's method and address ask for."""
    try:
        _find(entry)
    except (Problem, HttpProblem):
        return False
    return True


def _find(entry: Entry) -> tuple[Interaction, Place]:
    segments = (entry.type, entry.id, *entry.rest.split("/"))
    return find(entry.method, [segment for segment in segments if segment])


def for_entry(ask: Ask, entry: Entry) -> Ask:
    """The request of one entry, on behalf of whoever sent the Bundle; its conditions are its own only."""
    since = span(entry.if_modified_since)
    return msgspec.structs.replace(
        ask,
        type=entry.type,
        id=entry.id,
        parameters=tuple(parse_qsl(entry.query, keep_blank_values=True)),
        resource=entry.resource,
        path=entry.path,
        if_match=entry.if_match,
        if_none_match=entry.if_none_match,
        if_none_exist=entry.if_none_exist,
        if_modified_since=render.http_date(since.start) if since else "",
        if_unmodified_since="",
    )


def response(
    kind: Literal["transaction-response", "batch-response"], ask: Ask, answers: Iterable[Answer]
) -> bytes:
    """The Bundle of the answers, in the order of the request's entries."""
    return render.bundle(kind, (_member(ask, one) for one in answers), {}, None)


def _member(ask: Ask, one: Answer) -> render.Member:
    said: dict[str, Any] = {"status": _SAID[one.status]}
    body, full_url, stored = None if one.is_bare else one.body, "", one.stored
    if stored:
        if one.is_written:
            said["location"] = f"{stored.type}/{stored.id}/_history/{stored.version}"
        said["etag"] = render.etag(stored.version)
        said["lastModified"] = render.instant(stored.updated_at)
        is_read = one.status == HTTPStatus.OK and not one.is_written and not one.is_bare
        if is_read or (one.is_written and ask.returns == "representation"):
            body, full_url = render.resource(stored), f"{ask.base}/{stored.type}/{stored.id}"
        if one.is_written and ask.returns == "OperationOutcome":
            said["outcome"] = _done(one)
    if one.issues:
        said["outcome"] = outcome(
            one.issues, "information" if one.status < HTTPStatus.BAD_REQUEST else "error"
        )
    return render.Member(full_url, body, {"response": said})


def written(one: Answer) -> bytes:
    """An OperationOutcome that says what a write did, for Prefer: return=OperationOutcome."""
    return orjson.dumps(_done(one))


def _done(one: Answer) -> dict[str, Any]:
    if one.status == HTTPStatus.CREATED:
        sentence = "Created."
    elif one.stored and one.stored.is_new:
        sentence = "Stored."
    else:
        sentence = "There already; nothing was stored."
    return outcome([Issue("informational", sentence)], "information")
