"""What the service says about the clinic's patients, read through its public FHIR API and nothing else."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import msgspec

from referral_service.clinic.stories import Story

Answer = tuple[str | None, str, str | None, frozenset[str]]


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """One GuidanceResponse. Days are dates as FHIR writes them."""

    region: str | None
    outcome: str
    target: str | None
    reasons: tuple[str, ...]
    wake_on: str | None

    @property
    def answer(self) -> Answer:
        """What two decisions are compared by."""
        return (self.region, self.outcome, self.target, frozenset(self.reasons))


class Referral(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One ServiceRequest of the service's own: a proposal, or an order made of one."""

    identifier: str
    target: str
    priority: str
    status: str
    intent: str


class Reader:
    """Searches one FHIR server."""

    def __init__(self, fhir_base: str, http: httpx.Client) -> None:
        """`http` is the caller's to close."""
        self._base = fhir_base.rstrip("/")
        self._http = http

    def decisions(self, patient: str) -> list[Decided]:
        """The current decisions of one patient, by region; [] when none has been made yet."""
        found = [_decided(resource) for resource in self._search("GuidanceResponse", patient)]
        return sorted(found, key=lambda decided: decided.region or "")

    def referrals(self, patient: str) -> list[Referral]:
        """Every referral that the service has drafted for one patient, withdrawn ones too."""
        found = (_referral(resource) for resource in self._search("ServiceRequest", patient))
        return sorted(referral for referral in found if referral is not None)

    def _search(self, type_: str, patient: str) -> Iterator[dict[str, Any]]:
        url: str | None = f"{self._base}/{type_}?patient=Patient/{patient}"
        while url is not None:
            page = self._http.get(url).raise_for_status().json()
            yield from (entry["resource"] for entry in page.get("entry", []))
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)


def expected(story: Story) -> set[Answer]:
    """The answers that a story expects on its own day."""
    return {(e["region"], e["outcome"], e.get("target"), frozenset(e["reasons"])) for e in story["expect"]}


def _decided(response: Mapping[str, Any]) -> Decided:
    values: dict[str, list[Any]] = {}
    for parameters in response["contained"]:
        for parameter in parameters["parameter"]:
            value = next((parameter[key] for key in parameter if key.startswith("value")), None)
            values.setdefault(parameter["name"], []).append(value)
    first = {name: given[0] for name, given in values.items()}
    return Decided(
        region=first.get("region"),
        outcome=first["outcome"],
        target=first.get("target"),
        reasons=tuple(values.get("reason", ())),
        wake_on=first.get("wakeOn"),
    )


def _referral(request: Mapping[str, Any]) -> Referral | None:
    details = [coding for detail in request.get("orderDetail", []) for coding in detail["coding"]]
    targets = [coding["code"] for coding in details if coding["system"].endswith("/referral-target")]
    if not targets:
        return None
    return Referral(
        identifier=request["identifier"][0]["value"],
        target=targets[0],
        priority=request["priority"],
        status=request["status"],
        intent=request["intent"],
    )
