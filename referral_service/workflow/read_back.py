"""Reading back: what the other side has of an order, held against what we sent.

Its resources are as it keeps them, maybe no FHIR at all: what is compared is read strictly, the rest not.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from referral_service.core.problem import Category, problem
from referral_service.fhir.search.reference import local

Json = dict[str, Any]
_Kind = TypeVar("_Kind")
_LOCATION: Final = re.compile(r"(ServiceRequest|Task)/[A-Za-z0-9\-.]{1,64}")


class There(NamedTuple):
    """What the other side has of an order."""

    requests: Sequence[Json]
    tasks: Sequence[Json]

    @property
    def is_doubled(self) -> bool:
        """Whether it has anything twice."""
        return len(self.requests) > 1 or len(self.tasks) > 1

    @property
    def is_whole(self) -> bool:
        """Whether it has both once."""
        return len(self.requests) == len(self.tasks) == 1


class Doubled(Exception):
    """The other side has an order twice, or another one under its identifier; the text is a category."""


class _Identifier(msgspec.Struct, frozen=True):
    system: str = ""
    value: str = ""


class _Reference(msgspec.Struct, frozen=True):
    reference: str = ""


class _Seen(msgspec.Struct, frozen=True, rename={"patient": "for"}):
    """What is looked at of a ServiceRequest or a Task."""

    id: str = ""
    identifier: tuple[_Identifier, ...] = ()
    intent: str = ""
    subject: _Reference = _Reference()
    patient: _Reference = _Reference()


class _Response(msgspec.Struct, frozen=True):
    location: str = ""


class _Entry(msgspec.Struct, frozen=True):
    response: _Response = _Response()


class _Answer(msgspec.Struct, frozen=True):
    entry: tuple[_Entry, ...] = ()


def identifiers(resource: Json) -> set[tuple[str, str]]:
    """System and value of each; Problem FAULT for what cannot be read."""
    return {(one.system, one.value) for one in _read(resource, _Seen).identifier}


def places(answer: Json) -> Iterator[str]:
    """The "Type/id" of what the answer to a transaction says it has made; FAULT for no such answer."""
    for entry in _read(answer, _Answer).entry:
        if place := _LOCATION.search(entry.response.location):
            yield place[0]


def compare(there: There, transaction: Json) -> None:
    """Raises Doubled for two of a kind, or for what is not the order that we sent."""
    if there.is_doubled:
        raise Doubled("doubled")
    request, task = (_read(entry["resource"], _Seen) for entry in transaction["entry"])
    own = local(request.subject.reference)
    for sent, found in ((request, there.requests), (task, there.tasks)):
        for known in (_read(one, _Seen) for one in found):
            about = local(known.subject.reference or known.patient.reference)
            if own and about and about != own:
                raise Doubled("different")
            if sent.identifier[0] not in known.identifier or known.intent != sent.intent:
                raise Doubled("different")


def _read(value: Json, kind: type[_Kind]) -> _Kind:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        raise problem(Category.FAULT, "What the other side has of an order cannot be read.") from None
