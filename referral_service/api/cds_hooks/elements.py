"""Elements of a JSON object as CDS Hooks defines them, and every fault of those that came, by its path."""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import httpx

from referral_service.core.problem import Issue, Problem
from referral_service.ehr.allow_list import Origin, origin
from referral_service.fhir.findings import NOTHING_CONTAINED
from referral_service.fhir.primitives import PRIMITIVES

_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
# RFC 6750: what a header may hold as a bearer token.
_BEARER = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_CODE = re.compile(r"[A-Za-z0-9._\-]{1,64}")
_LONGEST_ADDRESS = 2000
_LAST_PORT = 65535


class Element(NamedTuple):
    """One element: its name, whether a value is one, and what it should be, in words."""

    name: str
    is_one: Callable[[Any], bool]
    says: str
    is_required: bool = True


def faults(value: dict[str, Any], elements: Iterable[Element], path: str) -> list[Issue]:
    """What is wrong with an object; `path` ends in a dot, or is empty. Others may come besides."""
    found = []
    for one in elements:
        if one.name not in value:
            if one.is_required:
                found.append(Issue("required", "The element is required.", f"{path}{one.name}"))
        elif not one.is_one(value[one.name]):
            found.append(Issue("value", f"Not {one.says}.", f"{path}{one.name}"))
    return found


def is_text(value: Any) -> bool:
    """Whether it is a string that is not blank."""
    return isinstance(value, str) and bool(value.strip())


def is_object(value: Any) -> bool:
    """Whether it is a JSON object."""
    return isinstance(value, dict)


def is_list(value: Any) -> bool:
    """Whether it is an array with something in it."""
    return isinstance(value, list) and bool(value)


def is_uuid(value: Any) -> bool:
    """Whether it is a UUID in its usual spelling."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def is_id(value: Any) -> bool:
    """Whether it is a logical id of FHIR's."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def is_code(value: Any) -> bool:
    """Whether it is a code as this service keeps them: no blanks in it."""
    return isinstance(value, str) and _CODE.fullmatch(value) is not None


def is_bearer(value: Any) -> bool:
    """Whether it can be sent as a bearer token."""
    return isinstance(value, str) and _BEARER.fullmatch(value) is not None


def is_seconds(value: Any) -> bool:
    """Whether it is a positive whole number."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_instant(value: Any) -> bool:
    """Whether it is an instant of FHIR's: to the second, with its offset."""
    return isinstance(value, str) and not PRIMITIVES["instant"](value, NOTHING_CONTAINED)


def is_reference_to(*types: str) -> Callable[[Any], bool]:
    """Whether it is "Type/id" of one of the types."""

    def is_one(value: Any) -> bool:
        kind, slash, id = value.partition("/") if isinstance(value, str) else ("", "", "")
        return kind in types and slash == "/" and is_id(id)

    return is_one


def is_server(value: Any) -> bool:
    """Whether it is the address of a server that a token may be sent to: https, or this machine itself."""
    found = origin_of(value) if isinstance(value, str) and len(value) <= _LONGEST_ADDRESS else None
    if found is None or found.port > _LAST_PORT or {*"?#"} & {*value}:
        return False
    return found.scheme == "https" or is_loopback(found)


def origin_of(address: str) -> Origin | None:
    """Scheme, host and port of an address; None if it is none, or names a user."""
    try:
        return origin(httpx.URL(address))
    except (httpx.InvalidURL, ValueError, Problem):
        return None


def is_loopback(found: Origin) -> bool:
    """Whether this machine itself is meant."""
    host = found.host.strip(b"[]")
    return host in (b"localhost", b"::1") or re.fullmatch(rb"127(?:\.\d{1,3}){3}", host) is not None
