"""Transaction: a Bundle whose writes all happen, or none."""

from collections.abc import Mapping, Sequence

from starlette.concurrency import run_in_threadpool

from referral_service.api.errors import HttpProblem
from referral_service.api.fhir import entries, preconditions
from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.identity import mint
from referral_service.core.problem import Category, Issue, Problem
from referral_service.fhir import bundle
from referral_service.fhir.bundle import Entry
from referral_service.fhir.transaction import Operation, conditions, links, plan
from referral_service.workflow.ingest import Change, deletion
from referral_service.workflow.ports import Stored, Write

_Versions = Mapping[tuple[str, str], int]


async def transaction(face: Face, ask: Ask) -> Answer:
    """200 and a transaction-response, its entries in the request's order; else nothing is stored."""
    found = _entries(ask)
    pointing = await face.work(len(found), lambda: links(found))
    needed = conditions(found, pointing)
    async with face.alone(ask.tenant, needed):
        matches = {one: await face.find(ask.tenant, one, where) for one, where in needed.items()}
        operations = await face.work(len(found), lambda: plan(found, pointing, matches, mint))
        answers = await _write(face, ask, operations)
    for entry in found:
        if entry.method in ("GET", "HEAD"):
            answers[entry.index] = await entries.answer(face, ask, entry)
    body = entries.response("transaction-response", ask, (answers[entry.index] for entry in found))
    return Answer(status=200, body=body)


def _entries(ask: Ask) -> list[Entry]:
    found: list[Entry] = []
    faults: list[Issue] = []
    for index, item in enumerate(ask.content.get("entry", ())):
        entry = bundle.read(index, item)
        if isinstance(entry, Entry):
            found.append(entry)
        else:
            faults += entry
    if faults:
        raise Problem(Category.INCORRECT, *faults)
    return found


async def _write(face: Face, ask: Ask, operations: Sequence[Operation]) -> dict[int, Answer]:
    """All writes in one transaction of the store; the answers by the entries' indices."""
    versions = await _versions(face, ask, operations)
    writing = [operation for operation in operations if _is_written(operation, versions)]
    await face.guard(ask.tenant, {(one.entry.type, one.id): f"{one.entry.path}.id" for one in writing})
    writes = await face.work(len(writing), lambda: _writes(face, ask, writing, versions))
    try:
        stored = await face.store(ask, writes) if writes else []
    except Problem as error:
        raise preconditions.unmet(error) from None
    known = {(one.type, one.id): one for one in stored}
    others = {(one.entry.type, one.id) for one in operations if one.is_matched} - known.keys()
    if others:
        current = await run_in_threadpool(face.search.current, ask.tenant, others)
        known |= {(one.type, one.id): one for one in current}
    return {operation.entry.index: _answer(operation, known) for operation in operations}


async def _versions(face: Face, ask: Ask, operations: Sequence[Operation]) -> _Versions:
    """The current versions of what is deleted or has a precondition; 412 where one is not met already."""
    asking = [
        one
        for one in operations
        if one.entry.method == "DELETE" or _expected(ask, one) is not None or _wants_any(one)
    ]
    if not asking:
        return {}
    identities = {(one.entry.type, one.id) for one in asking}
    versions = await run_in_threadpool(face.search.versions, ask.tenant, identities)
    for one in asking:
        expected, version = _expected(ask, one), versions.get((one.entry.type, one.id), 0)
        if expected not in (None, version) or (_wants_any(one) and not version):
            where = f"Bundle.entry[{one.entry.index}].request"
            raise HttpProblem(412, "conflict", "Not in the version that was expected.", where)
    return versions


def _expected(ask: Ask, operation: Operation) -> int | None:
    if operation.entry.is_passed_by or operation.entry.method not in ("PUT", "DELETE"):
        return None
    return preconditions.expected(entries.for_entry(ask, operation.entry))


def _wants_any(operation: Operation) -> bool:
    return operation.entry.if_match.strip() == preconditions.ANY


def _is_written(operation: Operation, versions: _Versions) -> bool:
    entry = operation.entry
    if entry.is_passed_by or operation.is_matched:
        return False
    if entry.method == "DELETE":
        return (entry.type, operation.id) in versions
    return entry.method in ("POST", "PUT")


def _writes(face: Face, ask: Ask, writing: Sequence[Operation], versions: _Versions) -> list[Write]:
    """The deletions come first, as `writing` has them."""
    changes = [
        Change(
            resource=one.entry.resource,
            path=one.entry.path,
            expected=_expected(ask, one),
            is_posted=one.entry.method == "POST",
        )
        for one in writing
        if one.entry.resource is not None
    ]
    deletions = [
        deletion(one.entry.type, one.id, versions[one.entry.type, one.id])
        for one in writing
        if one.entry.method == "DELETE"
    ]
    return deletions + face.ingest.writes(changes)


def _answer(operation: Operation, known: Mapping[tuple[str, str], Stored]) -> Answer:
    entry = operation.entry
    if entry.is_passed_by:
        return entries.PASSED_BY
    stored = known.get((entry.type, operation.id))
    if entry.method == "DELETE" or stored is None:
        return Answer(status=204)
    is_created = stored.is_new and stored.version == 1 and not operation.is_matched
    return Answer(status=201 if is_created else 200, stored=stored, is_written=True)
