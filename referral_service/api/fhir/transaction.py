"""Transaction: a Bundle whose writes all happen, or none."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

import msgspec
from starlette.concurrency import run_in_threadpool

from referral_service.api.errors import HttpProblem, status_of
from referral_service.api.fhir import entries, preconditions
from referral_service.api.fhir.audit import tell
from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.permit import permit_entries
from referral_service.core.problem import Category, Issue, Problem
from referral_service.fhir import bundle
from referral_service.fhir.bundle import Condition, Entry
from referral_service.fhir.conditional import Lost, Match, located, search_in
from referral_service.fhir.links import Link, links, named_by_id
from referral_service.fhir.search.query import Query
from referral_service.fhir.search.reference import local
from referral_service.fhir.transaction import Operation, conditions, plan
from referral_service.workflow.ingest import Change, deletion
from referral_service.workflow.ports import Stored, Write

# By the entries' indices.
_Demands = Mapping[int, int]
_Versions = Mapping[tuple[str, str], int]
_ALONE: Final = "A Task to fulfil an order is written by itself, at its own address or in a batch."
_WRITING = ("DELETE", "POST", "PUT")
_MOST_CONDITIONS: Final = 5000  # each is a question to the database
_MOST_DATES: Final = 10_000  # of all conditions: for each a database takes a fifth of a millisecond
_MOST_FOUND: Final = 100_000  # by all conditions; one finds a resource or two, unless the sender is mistaken
_ABSENT = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


async def transaction(face: Face, ask: Ask) -> Answer:
    """200 and a transaction-response, its entries in the request's order; else nothing is stored."""
    found = _entries(ask)
    if telling := await entries.telling(face, ask, found):
        paths = (f"Bundle.entry[{index}].request" for index in sorted(telling))
        raise Problem(Category.INCORRECT, *(Issue("not-supported", _ALONE, path) for path in paths))
    pointing = await face.work(len(found), lambda: links(found))
    needed = conditions(found, pointing)
    if len(needed) > _MOST_CONDITIONS:
        raise HttpProblem(413, "too-costly", f"A transaction asks for at most {_MOST_CONDITIONS} conditions.")
    permit_entries(ask, found, needed)
    # A resource has few links, so that many of them are as much work as some entries.
    size = max(len(found), len(pointing) // 4, len(needed))
    understood = await face.work(size, lambda: _understood(face, needed, pointing))
    written = [entry.resource for entry in found if entry.condition and entry.resource]
    async with face.alone(ask.tenant, understood.values(), written):
        # So many may be passed by because this transaction changes them.
        most = 2 + sum(entry.method in _WRITING for entry in found)
        matches = await _matches(face, ask, understood, most)
        stored = await _stored(face, ask, named_by_id(found))
        operations = await face.work(
            size, lambda: plan(found, pointing, matches, ask.new_id, ask.base, stored)
        )
        answers = await _write(face, ask, operations)
    for one in operations:
        if one.is_matched:
            # Nothing was written for it, but it was looked up and is told about.
            await tell(face, entries.for_entry(ask, one.entry), "create", answers[one.entry.index])
    for entry in found:
        if entry.method in ("GET", "HEAD"):
            # What was written had a red flag in it, or nothing was held up.
            calm = msgspec.structs.replace(ask, wait_seconds=0.0)
            answers[entry.index] = await entries.answer(face, calm, entry)
    body = entries.response("transaction-response", ask, (answers[entry.index] for entry in found))
    return Answer(status=200, body=body)


async def _matches(
    face: Face, ask: Ask, understood: Mapping[Condition, Query], most: int
) -> dict[Condition, Match]:
    """What each condition finds in the store, at most `most` ids; 413 if all of them find too many."""
    found: dict[Condition, Match] = {}
    left = _MOST_FOUND
    for one, query in understood.items():
        found[one] = Match(query, await face.find(ask.tenant, query, most))
        left -= len(found[one].ids)
        if left < 0:
            raise HttpProblem(413, "too-costly", f"The conditions find over {_MOST_FOUND} resources.")
    return found


async def _stored(face: Face, ask: Ask, identities: set[tuple[str, str]]) -> frozenset[str]:
    """Those of these that are there, as Type/id."""
    if not identities:
        return frozenset()
    current = await run_in_threadpool(face.search.current, ask.tenant, identities)
    return frozenset(f"{one.type}/{one.id}" for one in current)


def _understood(
    face: Face, needed: Mapping[Condition, str], pointing: Sequence[Link]
) -> dict[Condition, Query]:
    """Every condition as a search; one Problem with all that are not understood, each at its element."""
    found: dict[Condition, Query] = {}
    wrong: dict[Condition | None, tuple[Issue, ...]] = {}
    for one, where in needed.items():
        try:
            found[one] = face.understand(one, where)
        except Problem as error:
            wrong[one] = error.issues
    if sum(len(test.dates) for query in found.values() for test in query.tests) > _MOST_DATES:
        raise HttpProblem(
            413, "too-costly", f"The conditions of a transaction ask for over {_MOST_DATES} dates."
        )
    if not wrong:
        return found
    asked = [(it, search_in(it.holder[it.key])) for it in pointing if it.key == "reference"]
    lost = [Lost(link, issue.code, issue.diagnostics) for link, one in asked for issue in wrong.get(one, ())]
    by_reference = {one for _, one in asked}
    faults = [issue for one, issues in wrong.items() if one not in by_reference for issue in issues]
    raise Problem(Category.INCORRECT, *faults, *located(lost))


def _entries(ask: Ask) -> list[Entry]:
    found, faults = bundle.entries_of(ask.content)
    if faults:
        raise Problem(Category.INCORRECT, *faults)
    return found


async def _write(face: Face, ask: Ask, operations: Sequence[Operation]) -> dict[int, Answer]:
    """All writes in one transaction of the store; the answers by the entries' indices."""
    demands = await _demands(face, ask, operations)
    versions = await _known(face, ask, operations)
    await _look_ahead(face, ask, operations)
    writing = [operation for operation in operations if _is_written(operation, versions)]
    await face.guard(ask.tenant, {(one.entry.type, one.id): _identified_at(one.entry) for one in writing})
    writes = await face.work(len(writing), lambda: _writes(face, ask, writing, demands))
    try:
        stored = await face.store(ask, writes) if writes else []
    except Problem as error:
        if error.category is Category.CONFLICT:
            # The store does not say which write came too late.
            await _demands(face, ask, operations)
        raise preconditions.unmet(error) from None
    known = {(one.type, one.id): one for one in stored}
    others = {(one.entry.type, one.id) for one in operations if one.is_matched} - known.keys()
    if others:
        current = await run_in_threadpool(face.search.current, ask.tenant, others)
        known |= {(one.type, one.id): one for one in current}
    return {operation.entry.index: _answer(operation, known) for operation in operations}


async def _demands(face: Face, ask: Ask, operations: Sequence[Operation]) -> _Demands:
    """The versions that the store must find; 412 or 400 at the entries whose preconditions fail now."""
    found = {}
    failed: list[HttpProblem] = []
    for entry, identity, _ in operations:
        if entry.is_passed_by or entry.method not in ("PUT", "DELETE"):
            continue
        try:
            version = await preconditions.found(face, entries.for_entry(ask, entry), identity)
        except (Problem, HttpProblem) as error:
            failed.append(_at(entry, "request", status_of(error), error.issues[0]))
        else:
            if version is not None:
                found[entry.index] = version
    if failed:
        first = failed[0]
        first.issues = tuple(issue for one in failed if one.status == first.status for issue in one.issues)
        raise first
    return found


async def _known(face: Face, ask: Ask, operations: Sequence[Operation]) -> _Versions:
    """The versions of what is to be deleted: what was never there needs no deletion."""
    deleted = {(one.entry.type, one.id) for one in operations if one.entry.method == "DELETE"}
    return await run_in_threadpool(face.search.versions, ask.tenant, deleted) if deleted else {}


def _at(entry: Entry, part: str, status: int, issue: Issue) -> HttpProblem:
    """A failure of one entry as that of the transaction."""
    return HttpProblem(status, issue.code, issue.diagnostics, f"Bundle.entry[{entry.index}].{part}")


async def _look_ahead(face: Face, ask: Ask, operations: Sequence[Operation]) -> None:
    """Fails where a read could not succeed after the writes: R4 has all entries succeed, or none."""
    changed = {
        (one.entry.type, one.id): one.entry.method for one in operations if one.entry.method in _WRITING
    }
    # What is looked up in advance is told to nobody yet.
    before = msgspec.structs.replace(ask, visit=None, wait_seconds=0.0)
    read = 0
    for entry, *_ in operations:
        if entry.method in _WRITING or entry.is_passed_by:
            continue
        changes = {changed.get(one, "") for one in _asked_for(entry)}
        if "DELETE" in changes and (not entry.rest or entry.rest.startswith("/$")):
            raise _at(entry, "request.url", 410, Issue("deleted", "Another entry deletes this resource."))
        if read > entries.MOST_READ:
            raise _at(entry, "request.url", entries.TOO_MUCH.status, entries.TOO_MUCH.issues[0])
        seen = await entries.answer(face, before, entry)
        read += entries.size(seen)
        is_coming = seen.status in _ABSENT and changes & {"POST", "PUT"} and entries.is_address(entry)
        if entry.rest.startswith("/_history/"):
            # A first version is sure to come; a later one only if there is something new.
            is_coming = is_coming and entry.rest == "/_history/1" and seen.status == HTTPStatus.NOT_FOUND
        if seen.status >= HTTPStatus.BAD_REQUEST and not is_coming:
            raise _at(entry, "request.url", seen.status, seen.issues[0])


def _asked_for(entry: Entry) -> set[tuple[str, str]]:
    """What must be there for a read to succeed."""
    told = parse_qsl(entry.query) if entry.rest == "/$apply" else []
    subjects = (local(value) or "" for name, value in told if name == "subject")
    return {(entry.type, entry.id), *((one.partition("/")[0], one.partition("/")[2]) for one in subjects)}


def _identified_at(entry: Entry) -> str:
    """Where it is said which resource an entry writes."""
    return f"Bundle.entry[{entry.index}].request" if entry.method == "DELETE" else f"{entry.path}.id"


def _is_written(operation: Operation, versions: _Versions) -> bool:
    entry = operation.entry
    if entry.is_passed_by or operation.is_matched:
        return False
    if entry.method == "DELETE":
        return (entry.type, operation.id) in versions
    return entry.method in ("POST", "PUT")


def _writes(face: Face, ask: Ask, writing: Sequence[Operation], demands: _Demands) -> list[Write]:
    """The deletions come first, as `writing` has them."""
    changes = [
        Change(
            resource=one.entry.resource,
            path=one.entry.path,
            expected=0 if one.entry.method == "POST" else demands.get(one.entry.index),
            is_posted=one.entry.method == "POST",
        )
        for one in writing
        if one.entry.resource is not None
    ]
    deletions = [
        deletion(one.entry.type, one.id, demands.get(one.entry.index))
        for one in writing
        if one.entry.method == "DELETE"
    ]
    return deletions + face.writes(ask, changes)


def _answer(operation: Operation, known: Mapping[tuple[str, str], Stored]) -> Answer:
    entry = operation.entry
    if entry.is_passed_by:
        return entries.PASSED_BY
    stored = known.get((entry.type, operation.id))
    if entry.method == "DELETE" or stored is None:
        return Answer(status=204)
    if operation.is_matched:
        # It may be another entry that wrote it.
        stored = msgspec.structs.replace(stored, is_new=False, is_created=False)
    return Answer(status=201 if stored.is_created else 200, stored=stored, is_written=True)
