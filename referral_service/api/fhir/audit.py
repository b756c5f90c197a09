"""Who asked for what, on record before it is answered: no interaction of somebody known is without its line.

A write has its line in its own transaction (see workflow/ingest.py). Anything else has one of its own, which
the answer waits for: many such share one wait for the disk (store/commit.py). What cannot be put on record
is not answered, but refused with 503. Ids and names of parameters, never values.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request

from referral_service.api.errors import HttpProblem, status_of
from referral_service.api.fhir.conformance import PARAMETERS
from referral_service.api.fhir.exchange import Answer, Ask, Visit
from referral_service.api.fhir.face import Face
from referral_service.core.problem import Problem
from referral_service.fhir.audit import ACTIONS, AUDIT
from referral_service.fhir.definitions import R4_TYPES
from referral_service.fhir.read import patient_of
from referral_service.fhir.search.reference import is_id, local
from referral_service.fhir.search.table import KINDS
from referral_service.store.store import SqlStore
from referral_service.workflow.ports import Happening, Stored, Tenant

_CONTROLS: Final = frozenset(
    {"_id", "_lastUpdated", "_count", "_sort", "_include", "_format", "_pretty", "_page", "_before"}
)
_TRAIL: Final = frozenset({"date", "patient", "agent", "entity"})
_METHODS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
Run = Callable[[Face, Ask], Awaitable[Answer]]


class _Whose(msgspec.Struct):
    """The elements of a stored resource that may name its patient; the rest is passed by unread."""

    resourceType: str
    id: str
    subject: Any = None
    patient: Any = None
    beneficiary: Any = None
    for_: Any = msgspec.field(default=None, name="for")


_READ: Final = msgspec.json.Decoder(_Whose)


async def audited(face: Face, ask: Ask, code: str, run: Run) -> Answer:
    """Runs the interaction of that code; returns or raises what it does once that is on record."""
    if ask.visit is None:
        return await run(face, ask)
    own = msgspec.structs.replace(ask, visit=Visit(address=ask.visit.address))
    ask.visit.is_told = True
    try:
        answer = await run(face, own)
    except (Problem, HttpProblem) as error:
        await tell(face, own, code, Answer(status=status_of(error)))
        raise
    if own.visit and not own.visit.is_told:
        await tell(face, own, code, answer)
    return answer


async def tell(face: Face, ask: Ask, code: str, answer: Answer) -> None:
    """Puts one interaction on record; R4's code of it, or an operation's name."""
    if ask.visit is not None:
        ask.visit.is_told = True
        await keep(face.service.store, ask.tenant, [_line(ask, ask.visit, code, answer)])


async def refused(face: Face, visit: Visit, request: Request, status: int) -> None:
    """Puts on record what was refused before it was known which interaction it is."""
    if visit.is_told:
        return
    code = request.scope["interaction"]
    if code not in ACTIONS and not code.startswith("$"):
        code = _METHODS.get(request.method, "read")
    principal = request.scope["principal"]
    type, id = _named([one for one in request.scope["path"].split("/")[2:] if one])
    detail = _detail(code, status, visit, ())
    line = Happening(AUDIT, f"{type}/{id}" if id else type, principal.actor, detail)
    await keep(face.service.store, principal.tenant, [line])


async def keep(store: SqlStore, tenant: Tenant, lines: Sequence[Happening]) -> None:
    """Durable when it returns; Problem if it cannot be."""
    await asyncio.wrap_future(store.submit(tenant, [], lines))


def patients_in(found: Iterable[Stored]) -> tuple[str, ...]:
    """The ids of the patients that these belong to, each once."""
    owners = (_owner(one) for one in found if one.body)
    return tuple(dict.fromkeys(owner for owner in owners if owner))


def _owner(stored: Stored) -> str | None:
    try:
        whose = _READ.decode(stored.body)
    except msgspec.MsgspecError:
        return None
    told = {"resourceType": stored.type, "id": stored.id, "for": whose.for_}
    told |= {name: getattr(whose, name) for name in ("subject", "patient", "beneficiary")}
    return patient_of(told)


def _line(ask: Ask, visit: Visit, code: str, answer: Answer) -> Happening:
    stored = answer.stored
    type = stored.type if stored else ask.about or ask.type
    id = stored.id if stored else ask.id
    if code == "search-type":
        # The id of a search is that of the patient in whose compartment it is.
        patients = (*answer.patients, *_asked_about(ask), *([ask.id] if is_id(ask.id) else ()))
        detail = _detail(code, answer.status, visit, patients)
        return Happening(AUDIT, type, ask.actor, {**detail, "asked": ",".join(_names(ask))})
    patients = answer.patients or (patients_in([stored]) if stored else ())
    subject = f"{type}/{id}" if id and is_id(id) else type
    return Happening(AUDIT, subject, ask.actor, _detail(code, answer.status, visit, patients))


def _detail(code: str, status: int, visit: Visit, patients: Iterable[str]) -> dict[str, str]:
    """Spaces around each patient's id, so that one is found in the text."""
    did = "operation" if code.startswith("$") else code
    detail = {"did": did, "status": str(status), "from": visit.address}
    if did != code:
        detail["asked"] = code
    if told := " ".join(dict.fromkeys(patients)):
        detail["patients"] = f" {told} "
    return detail


def _asked_about(ask: Ask) -> list[str]:
    """The patients whom a search names; found or not, it was asked about them."""
    named = [value for name, value in ask.parameters if name in ("patient", "patient:Patient")]
    named += [value for name, value in ask.parameters if name == "_id" and ask.type == "Patient"]
    found = []
    for one in (part for value in named for part in value.split(",")):
        kind, _, id = (local(one) or "").partition("/")
        if kind == "Patient" or (not kind and is_id(one)):
            found.append(id or one)
    return found


def _names(ask: Ask) -> list[str]:
    """The parameters of a search by name, if that is one of ours: a client's own word may be anything."""
    kind = KINDS.get(ask.type)
    ours = {one.name for one in kind.parameters} if kind else {*PARAMETERS, *_TRAIL}
    said = (name.partition(":")[0] for name, _ in ask.parameters)
    return list(dict.fromkeys(name if name in ours | _CONTROLS else "other" for name in said))


def _named(segments: Sequence[str]) -> tuple[str, str]:
    """The type and the id that an address has, if they are such; "Bundle" where it has none."""
    if not segments:
        return "Bundle", ""
    type, id = segments[0], segments[1] if len(segments) > 1 else ""
    if type not in R4_TYPES:
        return "unknown", ""
    return type, id if is_id(id) else ""
