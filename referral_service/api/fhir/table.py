"""The one table of interactions: it routes requests, and the CapabilityStatement is written from it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from referral_service.api.errors import HttpProblem
from referral_service.api.fhir.assess import assess
from referral_service.api.fhir.create import create
from referral_service.api.fhir.delete import delete
from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.history import history
from referral_service.api.fhir.read import read, vread
from referral_service.api.fhir.search import search, search_compartment
from referral_service.api.fhir.update import update, update_conditionally
from referral_service.core.problem import Category, problem
from referral_service.fhir.search.reference import is_id
from referral_service.fhir.search.table import KINDS, Kind


class Interaction(NamedTuple):
    """One way to use a resource: R4's code for it (an operation's begins with $), and what runs.

    `has_resource`: a resource is sent along.
    """

    code: str
    run: Callable[[Face, Ask], Awaitable[Answer]]
    has_resource: bool = False


class Place(NamedTuple):
    """What an address below /fhir points at; `shape` says which of its forms it has."""

    shape: str
    type: str
    id: str = ""
    version: str = ""


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
    ("assess", "GET"): Interaction("$assess", assess),
}
# The operations of each type, on one of its resources.
OPERATIONS: Final = {"Patient": ("$assess",)}
_READING = ("read", "vread", "history-instance", "search-type")
_WRITING = ("create", "update", "delete")


def codes(kind: Kind) -> tuple[str, ...]:
    """The interactions that clients may use with a type."""
    own = OPERATIONS.get(kind.type, ())
    return (*_READING, *_WRITING, *own) if kind.is_taken_in else (*_READING, *own)


def find(method: str, segments: Sequence[str]) -> tuple[Interaction, Place]:
    """The interaction that a request asks for; raises NOT_FOUND, UNSUPPORTED, or 405 with what is allowed."""
    place = _place(segments)
    kind = KINDS.get(place.type)
    if kind is None:
        raise problem(Category.UNSUPPORTED, "This service keeps no resources of this type.")
    asked = "GET" if method == "HEAD" else method
    interaction = INTERACTIONS.get((place.shape, asked))
    if interaction is None or interaction.code not in codes(kind):
        raise HttpProblem(
            405, "not-supported", "This type does not support the method here.", allow=_allowed(place, kind)
        )
    if place.id and not is_id(place.id):
        raise problem(Category.NOT_FOUND, "Not an id.")
    return interaction, place


def _place(segments: Sequence[str]) -> Place:
    match segments:
        case [kind]:
            return Place("type", kind)
        case [kind, "_search"]:
            return Place("search", kind)
        case [kind, identity]:
            return Place("instance", kind, identity)
        case [kind, identity, "_history"]:
            return Place("history", kind, identity)
        case [kind, identity, "_history", version]:
            return Place("version", kind, identity, version)
        case ["Patient", identity, "$assess"]:
            return Place("assess", "Patient", identity)
        case ["Patient", identity, kind] if _has_compartment(kind):
            return Place("compartment", kind, identity)
    raise problem(Category.NOT_FOUND, "There is nothing at this address.")


def _has_compartment(kind: str) -> bool:
    return kind in KINDS and KINDS[kind].parameter("patient") is not None


def _allowed(place: Place, kind: Kind) -> str:
    allowed = codes(kind)
    return ", ".join(
        method
        for (shape, method), one in INTERACTIONS.items()
        if shape == place.shape and one.code in allowed
    )
