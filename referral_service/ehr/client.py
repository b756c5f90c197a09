"""The FHIR server of the other side, in FHIR's words; every failure is a Problem.

BUSY: throttled, `wait_seconds` says how long if told. UNAVAILABLE: not reached, nothing can have arrived.
INTERRUPTED: the outcome is unknown. FORBIDDEN: no access, or an address that is not on the allow-list.
FAULT: an answer that is not what was asked for. The rest is what the other side said of the request.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar

import httpx
import msgspec

from referral_service.core.problem import Category, Problem, problem
from referral_service.ehr.calls import Calls
from referral_service.ehr.connection import Answer, Sending
from referral_service.ehr.endpoint import Endpoint, Limits
from referral_service.ehr.failures import not_understood
from referral_service.fhir.definitions import R4_TYPES
from referral_service.fhir.outcome import is_failure
from referral_service.fhir.parse import Unreadable, dump, parse

Json = dict[str, Any]

_JSON: Final = "application/fhir+json"

# An id of dots alone, which FHIR allows, would be a step up in the address.
_ID: Final = r"(?!\.+(?:/|\Z))[A-Za-z0-9\-.]{1,64}"
_REFERENCE: Final = re.compile(
    rf"(?P<base>[^?#]*/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>{_ID})(?:/_history/{_ID})?"
)
_VERSION: Final = re.compile(r"[\x21\x23-\x7e]{1,64}")
_Kind = TypeVar("_Kind")


class _Search(msgspec.Struct, frozen=True):
    mode: str = ""


class _Entry(msgspec.Struct):
    resource: Json | None = None
    search: _Search = _Search()


class _Link(msgspec.Struct):
    relation: str = ""
    url: str = ""


class _Page(msgspec.Struct):
    """What we use of a searchset."""

    link: list[_Link] = []
    entry: list[_Entry] = []


class EhrClient:
    """One endpoint; safe for many threads, not to be shared with a forked process.

    `calls` asks the same endpoint for what has no word of FHIR's here.
    """

    def __init__(self, endpoint: Endpoint, limits: Limits = Limits()) -> None:  # noqa: B008 - it is frozen
        """Nothing is connected yet; raises a FORBIDDEN problem where an address of it cannot be used."""
        self._url = endpoint.url.rstrip("/")
        self._limits = limits
        self.calls = Calls(endpoint, limits)

    def read(self, reference: str) -> Json | None:
        """The resource that a reference such as `Patient/1` names; None where it is not, or was deleted."""
        named = _REFERENCE.fullmatch(reference)
        is_relative = named is not None and not named["base"]
        address = self.calls.address(f"{self._url}/{reference}" if is_relative else reference)
        if named is None or named["type"] not in R4_TYPES:
            raise problem(Category.INCORRECT, "The reference names no resource of a server.")
        try:
            answer = self._get(address)
        except Problem as error:
            if error.category is Category.NOT_FOUND:
                return None
            raise
        return _expected(_parsed(answer), named["type"], named["id"])

    def search(self, type: str, parameters: Sequence[tuple[str, str]]) -> Iterator[Json]:
        """The matches and what they include, page by page; UNAVAILABLE where an error is among them."""
        for bundle in self.pages(type, parameters):
            for entry in _converted(bundle, _Page).entry:
                if entry.resource is None:
                    continue
                if is_failure(entry.resource):
                    raise problem(Category.UNAVAILABLE, "The other side has not answered the whole search.")
                if (
                    entry.resource.get("resourceType") != "OperationOutcome"
                    and entry.search.mode != "outcome"
                ):
                    yield entry.resource

    def pages(self, type: str, parameters: Sequence[tuple[str, str]]) -> Iterator[Json]:
        """The Bundles of a search, each asked for when it is due; as many as the limits allow.

        A parameter that the other side does not know is refused, if it heeds `Prefer: handling=strict`.
        """
        if type not in R4_TYPES:
            raise problem(Category.INCORRECT, "Not a resource type of R4.")
        address = self.calls.address(f"{self._url}/{type}").copy_merge_params(list(parameters))
        seen: set[str] = set()
        while str(address) not in seen:
            if len(seen) == self._limits.pages:
                raise not_understood("The search has more pages than are read.")
            seen.add(str(address))
            answer = self._get(address, Prefer="handling=strict")
            bundle = _bundle(answer)
            onward = next((one.url for one in _converted(bundle, _Page).link if one.relation == "next"), None)
            yield bundle
            if onward is None:
                return
            address = self.calls.address(onward, answer.address)
        raise not_understood("A page of the search leads back to one before it.")

    def transaction(self, bundle: Json) -> Json:
        """The response Bundle. Sent once: never again by itself once it may have arrived."""
        return _bundle(self._write("POST", self._url, bundle))

    def update(self, resource: Json, version: str = "") -> Json:
        """The resource as stored, or as sent if the answer does not hold it; `version` goes as If-Match."""
        type, id = str(resource.get("resourceType")), str(resource.get("id") or "")
        if type not in R4_TYPES or not re.fullmatch(_ID, id):
            raise problem(Category.INCORRECT, "The resource has no type and id to update it by.")
        if version and not _VERSION.fullmatch(version):
            raise problem(Category.INCORRECT, "The version cannot be sent.")
        unless = {"If-Match": f'W/"{version}"'} if version else {}
        answer = self._write("PUT", f"{self._url}/{type}/{id}", resource, **unless)
        stored = _parsed(answer) if answer.body.strip() else resource
        return resource if stored["resourceType"] == "OperationOutcome" else _expected(stored, type, id)

    def close(self) -> None:
        """Closes every connection."""
        self.calls.close()

    def _get(self, address: httpx.URL, **headers: str) -> Answer:
        return self.calls.send(Sending("GET", address, {"Accept": _JSON, **headers}))

    def _write(self, method: str, address: str, resource: Json, **more: str) -> Answer:
        headers = {"Accept": _JSON, "Content-Type": _JSON, "Prefer": "return=representation", **more}
        return self.calls.send(Sending(method, self.calls.address(address), headers, dump(resource)))


def _expected(found: Json, type: str, id: str) -> Json:
    if (found["resourceType"], found.get("id")) != (type, id):
        raise not_understood("The answer is not the resource that was asked for.")
    return found


def _parsed(answer: Answer) -> Json:
    try:
        return parse(answer.body)
    except Unreadable:
        raise not_understood("The answer is not FHIR in JSON.") from None


def _bundle(answer: Answer) -> Json:
    found = _parsed(answer)
    if found["resourceType"] != "Bundle":
        raise not_understood("The answer is no Bundle.")
    return found


def _converted(value: Json, kind: type[_Kind]) -> _Kind:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        raise not_understood("The answer is not the Bundle of a search.") from None
