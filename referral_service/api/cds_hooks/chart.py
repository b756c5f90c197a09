"""A patient's chart for one call: what was prefetched, and the rest from the client's own FHIR server."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from time import monotonic
from typing import Any, Final

import msgspec

from referral_service.api.cds_hooks.call import Call, entries, of_another
from referral_service.api.cds_hooks.offer import PATIENT, Part
from referral_service.core.problem import Category, Issue, Problem
from referral_service.ehr.client import EhrClient
from referral_service.ehr.endpoint import Endpoint, Limits
from referral_service.fhir.chart_bundle import identified
from referral_service.fhir.check import check
from referral_service.fhir.outcome import is_failure
from referral_service.workflow.fetch import resources

Json = dict[str, Any]
_PATIENCE_SECONDS: Final = 8.0
_AT_ONCE: Final = 16
_MOST: Final = 5000
_PAGE: Final = ("_count", "200")
_LIMITS: Final = Limits(answer_bytes=16 * 1024 * 1024, pages=50, tries=2, backoff_seconds=0.1)


class Chart(msgspec.Struct, frozen=True):
    """The resources; the keys of parts that nobody sent; what is not valid R4; needed parts that are missing.

    The paths of what is invalid begin with prefetch, or with fhirServer where it was fetched.
    """

    resources: tuple[Json, ...]
    unread: tuple[str, ...] = ()
    invalid: tuple[Issue, ...] = ()
    missing: tuple[Issue, ...] = ()


class Charts:
    """Reads charts; one for each application."""

    def __init__(self, parts: Sequence[Part]) -> None:
        """`parts` are those that a chart is made of."""
        self._parts = parts
        self._threads = ThreadPoolExecutor(_AT_ONCE, "cds-fetch")

    def read(self, call: Call, origins: Sequence[str] | None) -> Chart:
        """The chart; `origins` are those its server may lead to, None if the server must not be called.

        Raises INCORRECT where the prefetch has not the form that it should have.
        """
        given = {part.key: _prefetched(call, part) for part in self._parts}
        lacking = [part for part in self._parts if given[part.key] is None]
        if lacking and origins is not None:
            given |= self._fetched(call, lacking, origins)
        found = [one for part in self._parts for one in given[part.key] or ()]
        unread = [part for part in self._parts if given[part.key] is None]
        kept, invalid = _checked(found)
        return Chart(
            resources=(*_without(kept, call.recorded), *call.recorded),
            unread=tuple(part.key for part in unread),
            invalid=tuple(invalid),
            missing=tuple(map(_missing, (part for part in unread if part.is_needed))),
        )

    def _fetched(
        self, call: Call, parts: Sequence[Part], origins: Sequence[str]
    ) -> dict[str, list[tuple[str, Json]] | None]:
        """What the client's server says of each part; None where it does not, or not in time."""
        endpoint = Endpoint(
            url=call.server, origins=tuple(origins), bearer=call.bearer, timeout_seconds=_PATIENCE_SECONDS / 2
        )
        try:
            client = EhrClient(endpoint, _LIMITS)
        except Problem:
            return {}
        end = monotonic() + _PATIENCE_SECONDS
        try:
            asked = {part: self._threads.submit(_fetch, client, part, call.patient) for part in parts}
            return {part.key: _awaited(future, end) for part, future in asked.items()}
        finally:
            client.close()


def _awaited(future: "Future[list[tuple[str, Json]] | None]", end: float) -> list[tuple[str, Json]] | None:
    try:
        return future.result(max(0.0, end - monotonic()))
    except (TimeoutError, Problem):
        future.cancel()
        return None


def _fetch(client: EhrClient, part: Part, patient: str) -> list[tuple[str, Json]] | None:
    """The part with each resource's path; None where it is not whole, or of somebody else."""
    path = f"fhirServer.{part.key}"
    if part.key == PATIENT:
        person = client.read(f"Patient/{patient}")
        return [(path, person)] if person else None
    pages = client.pages(part.type, [("patient", patient), *part.parameters, _PAGE])
    found = list(islice(chain.from_iterable(map(resources, pages)), _MOST + 1))
    own = [one for one in found if one["resourceType"] == part.type]
    if len(found) > _MOST or any(of_another(one, patient, path) for one in own):
        return None
    return [(f"{path}[{number}]", one) for number, one in enumerate(own)]


def _prefetched(call: Call, part: Part) -> list[tuple[str, Json]] | None:
    """The part as it was prefetched; None where it was not, or not as a whole."""
    path = f"prefetch.{part.key}"
    value = call.prefetch.get(part.key, ...)
    if value is None and part.key != PATIENT:
        return []  # the client has looked, and there is nothing
    if value is None or value is ...:
        return None
    if not isinstance(value, dict):
        raise Problem(Category.INCORRECT, Issue("structure", "Not a resource.", path))
    if value.get("resourceType") == "OperationOutcome":
        return None
    if part.key == PATIENT:
        return [_person(value, call.patient, path)]
    brought = list(entries(value, path))
    found = [it for it in brought if it[1]["resourceType"] == part.type]
    if wrong := [issue for where, one in found for issue in of_another(one, call.patient, where)]:
        raise Problem(Category.INCORRECT, *wrong)
    return None if _goes_on(value) or any(is_failure(one) for _, one in brought) else found


def _person(value: Json, patient: str, path: str) -> tuple[str, Json]:
    if value.get("resourceType") != "Patient":
        raise Problem(Category.INCORRECT, Issue("value", "Not a Patient.", f"{path}.resourceType"))
    if value.get("id") != patient:
        sentence = "This is another patient than context.patientId."
        raise Problem(Category.INCORRECT, Issue("value", sentence, f"{path}.id"))
    return path, value


def _goes_on(bundle: Json) -> bool:
    """Whether it is but the first page of a search."""
    links = bundle.get("link")
    return isinstance(links, list) and any(
        isinstance(one, dict) and one.get("relation") == "next" for one in links
    )


def _checked(found: Iterable[tuple[str, Json]]) -> tuple[list[Json], list[Issue]]:
    """Those that are valid R4, with an id each; and what is wrong with the others."""
    kept, invalid = [], []
    for path, resource in found:
        if wrong := check(resource, path):
            invalid += wrong
        else:
            kept.append(identified(resource))
    return kept, invalid


def _without(found: Iterable[Json], newer: Iterable[Json]) -> Iterator[Json]:
    """Those of which the hook itself does not bring the newest version."""
    replaced = {(one["resourceType"], one["id"]) for one in newer}
    return (one for one in found if (one["resourceType"], one["id"]) not in replaced)


def _missing(part: Part) -> Issue:
    sentence = "Neither prefetched as a whole, nor to be had from fhirServer."
    return Issue("incomplete", sentence, f"prefetch.{part.key}")
