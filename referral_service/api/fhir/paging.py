"""The opaque `next` of a search: where it goes on, as one parameter of its address."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from referral_service.api.fhir.exchange import Ask
from referral_service.core.problem import Category, Problem, problem

PAGE = "_page"
Place = TypeVar("Place", bound=msgspec.Struct)


def link(ask: Ask, here: str, place: msgspec.Struct) -> str:
    """The address of the page that begins at a place."""
    token = urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")
    return f"{here}?{urlencode([(PAGE, token), *as_asked(ask)])}"


def as_asked(ask: Ask) -> list[tuple[str, str]]:
    """What a client that cannot say it by Accept says in every address that it follows."""
    return [(name, value) for name, value in ask.parameters if name == "_format"]


def place_in(parameters: Sequence[tuple[str, str]], kind: type[Place]) -> Place | None:
    """The place that a request asks for, None for the first page; INCORRECT if the link is not ours."""
    token = dict(parameters).get(PAGE, "")
    if not token:
        return None
    try:
        return msgspec.json.decode(urlsafe_b64decode(token + "=" * (-len(token) % 4)), type=kind)
    except (ValueError, msgspec.MsgspecError):
        raise not_ours() from None


def not_ours() -> Problem:
    """Of a link that the service cannot have written."""
    return problem(Category.INCORRECT, f"{PAGE}: not a link of ours.", code="value")
