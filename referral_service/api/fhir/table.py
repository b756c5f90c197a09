"""The one table of interactions: it routes requests, and the CapabilityStatement is written from it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple

from referral_service.api.errors import HttpProblem
from referral_service.api.fhir import audit_events, conformance, fulfil
from referral_service.api.fhir.answer import answering
from referral_service.api.fhir.apply import apply
from referral_service.api.fhir.assess import assess
from referral_service.api.fhir.audit import audited
from referral_service.api.fhir.conformance import CONFORMANCE
from referral_service.api.fhir.create import create
from referral_service.api.fhir.delete import delete
from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.history import history
from referral_service.api.fhir.operation import posted
from referral_service.api.fhir.permit import permit
from referral_service.api.fhir.read import read, vread
from referral_service.api.fhir.search import search, search_compartment
from referral_service.api.fhir.update import update, update_conditionally
from referral_service.api.limits import busy
from referral_service.core.answer import Verb
from referral_service.core.problem import Category, problem
from referral_service.fhir.search.reference import is_id
from referral_service.fhir.search.table import KINDS, TAKEN_IN, Kind
from referral_service.workflow.review import Answerable

# Beyond the limits of a client, these are refused only once it is known that no red flag is in them.
_HELD_UP_LATER: Final = ("create", "update")


class Interaction(NamedTuple):
    """One way to use a resource: R4's code for it (an operation's begins with $), and what runs.

    `has_resource`: a resource is sent along.
    """

    code: str
    run: Callable[[Face, Ask], Awaitable[Answer]]
    has_resource: bool = False

    async def perform(self, face: Face, ask: Ask) -> Answer:
        """Runs it if whoever asks may do so, else FORBIDDEN; the one place where anything is run."""
        return await audited(face, ask, self.code, self._permitted)

    async def _permitted(self, face: Face, ask: Ask) -> Answer:
        permit(ask, self.code)
        if ask.wait_seconds and (self.code not in _HELD_UP_LATER or ask.type not in TAKEN_IN):
            raise busy(ask.wait_seconds)
        return await self.run(face, ask)


class Place(NamedTuple):
    """What an address below /fhir points at; `shape` is one of its forms, or the name of an operation.

    `about` is the type of what an operation is sent to, which takes Parameters.
    """

    shape: str
    type: str
    id: str = ""
    version: str = ""
    about: str = ""


INTERACTIONS: Final = {
    ("type", "GET"): Interaction("search-type", search),
    ("type", "POST"): Interaction("create", create, has_resource=True),
    ("type", "PUT"): Interaction("update", update_conditionally, has_resource=True),
    ("search", "POST"): Interaction("search-type", search),
    ("instance", "GET"): Interaction("read", read),
    ("instance", "PUT"): Interaction("update", update, has_resource=True),
    ("instance", "DELETE"): Interaction("delete", delete),
    ("history", "GET"): Interaction("history-instance", history),
    ("version", "GET"): Interaction("vread", vread),
    ("compartment", "GET"): Interaction("search-type", search_compartment),
    ("compartment search", "POST"): Interaction("search-type", search_compartment),
    ("$assess", "GET"): Interaction("$assess", assess),
    ("$assess", "POST"): Interaction("$assess", posted("Patient", assess), has_resource=True),
}
# The same for what the service publishes of itself.
PUBLISHED: Final = {
    ("type", "GET"): Interaction("search-type", conformance.search),
    ("search", "POST"): Interaction("search-type", conformance.search),
    ("instance", "GET"): Interaction("read", conformance.read),
    ("$apply", "GET"): Interaction("$apply", apply),
    ("$apply", "POST"): Interaction("$apply", posted(conformance.PLAN, apply), has_resource=True),
}
# The ledger's lines, for auditors.
AUDITED: Final = {
    ("type", "GET"): Interaction("search-type", audit_events.search),
    ("search", "POST"): Interaction("search-type", audit_events.search),
    ("instance", "GET"): Interaction("read", audit_events.read),
}


def _verbs(type: Answerable, *verbs: Verb) -> dict[tuple[str, str], Interaction]:
    return {
        ("$" + verb, "POST"): Interaction("$" + verb, answering(type, verb), has_resource=True)
        for verb in verbs
    }


# People's verbs, on what the service wrote.
VERBS: Final = {
    "ServiceRequest": _verbs("ServiceRequest", "approve", "decline", "withdraw", "acknowledge", "close"),
    "Task": _verbs("Task", "claim", "release", "reassign", "complete", "acknowledge"),
}
# What a fulfiller does with the Task to fulfil an order.
FULFILLING: Final = {
    ("instance", "PUT"): Interaction("update", fulfil.put, has_resource=True),
    ("instance", "PATCH"): Interaction("patch", fulfil.patch),
}
# The operations of each type, on one of its resources.
OPERATIONS: Final = {
    "Patient": ("$assess",),
    conformance.PLAN: ("$apply",),
    **{kind: tuple(name for name, _ in verbs) for kind, verbs in VERBS.items()},
}
# The types that are given out, beside those that are stored as resources.
OTHERS: Final = {**CONFORMANCE, audit_events.TYPE: audit_events.KIND}
_OF_A_TYPE: Final = {"_search": "search", "_history": "type history"}
_LOOKING_UP = ("read", "search-type")
_READING = ("read", "vread", "history-instance", "search-type")
_WRITING = ("create", "update", "delete")


def codes(kind: Kind) -> tuple[str, ...]:
    """The interactions that clients may use with a type."""
    own = OPERATIONS.get(kind.type, ())
    if kind.type in CONFORMANCE or kind is audit_events.KIND:
        return (*_LOOKING_UP, *own)
    if kind.type == "Task":
        return (*_READING, *(one.code for one in FULFILLING.values()), *own)
    return (*_READING, *_WRITING, *own) if kind.is_taken_in else (*_READING, *own)


@cache
def interactions(type: str) -> Mapping[tuple[str, str], Interaction]:
    """How resources of a type may be used, by shape and method; which of these a type has, `codes` says."""
    if type in CONFORMANCE:
        return PUBLISHED
    if type == audit_events.TYPE:
        return AUDITED
    found = {**INTERACTIONS, **VERBS.get(type, {})}
    if type == "Task":
        # A fulfiller's own rules are kept where it writes one Task by its id, nowhere else.
        del found["type", "PUT"]
        found |= FULFILLING
    return found


def find(method: str, segments: Sequence[str]) -> tuple[Interaction, Place]:
    """The interaction that a request asks for; raises NOT_FOUND, UNSUPPORTED, or 405 with what is allowed."""
    place = _place(segments)
    kind = KINDS.get(place.type) or OTHERS.get(place.type)
    if kind is None:
        raise problem(Category.UNSUPPORTED, "This service keeps no resources of this type.")
    if place.id and not is_id(place.id):
        raise problem(Category.NOT_FOUND, "Not an id.")
    asked = "GET" if method == "HEAD" else method
    interaction = interactions(kind.type).get((place.shape, asked))
    if interaction is None or interaction.code not in codes(kind):
        raise _refusal(place, kind)
    if interaction.has_resource and interaction.code.startswith("$"):
        # What an operation is sent is Parameters, whatever the type that it belongs to.
        place = place._replace(type="Parameters", about=place.type)
    return interaction, place


def _place(segments: Sequence[str]) -> Place:
    match segments:
        case [kind]:
            return Place("type", kind)
        case [kind, "_search" | "_history" as what]:
            return Place(_OF_A_TYPE[what], kind)
        case [kind, identity]:
            return Place("instance", kind, identity)
        case [kind, identity, "_history"]:
            return Place("history", kind, identity)
        case [kind, identity, "_history", version]:
            return Place("version", kind, identity, version)
        case [kind, identity, name] if name in OPERATIONS.get(kind, ()):
            return Place(name, kind, identity)
        case ["Patient", identity, kind, *rest] if _has_compartment(kind) and rest in ([], ["_search"]):
            return Place("compartment search" if rest else "compartment", kind, identity)
    raise problem(Category.NOT_FOUND, "There is nothing at this address.")


def _has_compartment(kind: str) -> bool:
    return kind in KINDS and KINDS[kind].parameter("patient") is not None


def _refusal(place: Place, kind: Kind) -> Exception:
    """405 with what is allowed; where nothing is, such as at a history that is not kept, there is nothing."""
    allowed = [
        "GET, HEAD" if method == "GET" else method
        for (shape, method), one in interactions(kind.type).items()
        if shape == place.shape and one.code in codes(kind)
    ]
    if not allowed:
        return problem(Category.UNSUPPORTED, "This type has nothing at this address.")
    sentence = "This type does not support the method here."
    return HttpProblem(405, "not-supported", sentence, allow=", ".join(allowed))
