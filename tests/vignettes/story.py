"""A vignette as it is written, and what the service decides about its patient, read as an EHR's would be."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from fhir_profiles import RESOURCES
from referral_service.clinic.chart import build
from referral_service.core.decide import decide
from referral_service.core.decision import Decision
from referral_service.core.pathway import Pathway
from referral_service.core.timeline import AnyFact, Timeline
from referral_service.fhir.check import check
from referral_service.fhir.codes import CANONICAL_BASE
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.parse import parse
from referral_service.fhir.read import Reader
from referral_service.pathways import load

FOLDER = Path(__file__).parent
USUAL_DAY = date(2026, 6, 1)
# What the notation of the sample clinic does not have.
OWN_KEYS = frozenset({"expect", "reading", "route", "sides", "known_at", "as_of"})
EXPECTED_KEYS = frozenset(
    {
        *("region", "outcome", "target", "reasons", "class", "episode_start", "trial_start", "wake_on"),
        *("priority", "criteria", "left_out", "notes", "because"),
    }
)


@dataclass(frozen=True)
class Vignette:
    """One story of one file: what is given, and what is expected of each decision."""

    id: str
    file: str
    as_of: date
    known_at: datetime | None
    given: Mapping[str, Any]
    expect: tuple[Mapping[str, Any], ...]
    route: int | None
    sides: Mapping[str, Any]

    def day(self, value: Any) -> date | None:
        """A day as the story writes it (counted from `as_of`, or a date), or None."""
        return self.as_of + timedelta(days=value) if isinstance(value, int) else value


def vignettes() -> Iterator[Vignette]:
    """Every story of every file, in the order of the files' names."""
    for path in sorted(FOLDER.glob("*.yaml")):
        for story in yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader):
            yield Vignette(
                id=story["id"],
                file=path.name,
                as_of=story.get("as_of", USUAL_DAY),
                known_at=datetime.fromisoformat(story["known_at"]) if "known_at" in story else None,
                given={key: value for key, value in story.items() if key not in OWN_KEYS},
                expect=tuple(story["expect"]),
                route=story.get("route"),
                sides=story.get("sides", {}),
            )


@cache
def pathway() -> Pathway:
    """The clinicians' own pathway."""
    return load()


@cache
def _reader() -> Reader:
    return Reader(Terminology.load(RESOURCES / "valuesets"), CANONICAL_BASE)


def decisions(vignette: Vignette) -> tuple[Decision, ...]:
    """What is decided about the patient: the resources as JSON, checked, read and put on a timeline."""
    facts: list[AnyFact] = []
    for resource in build(vignette.given, vignette.as_of):
        received = parse(json.dumps(resource).encode())
        assert check(received) == [], f"{vignette.id} is no valid FHIR"
        facts += _reader().facts(received)
    return decide(Timeline.of(facts, vignette.known_at), pathway(), vignette.as_of)


def differences(vignette: Vignette, decided: tuple[Decision, ...]) -> list[str]:
    """What is not as the story expects, one line each; only the keys that the story gives are compared.

    An expectation without a region is about the only decision. Episodes that have closed may go unmentioned
    where the story tells of an open one.
    """
    by_region = {decision.region: decision for decision in decided}
    said: list[str] = []
    for expected in vignette.expect:
        named = expected["region"] if "region" in expected or len(decided) != 1 else decided[0].region
        decision = by_region.pop(named, None)
        if decision is None:
            said.append(f"{named}: expected {expected['outcome']}, got no decision for this region")
        else:
            said += _unlike(vignette, expected, decision)
    unmentioned = [left for left in by_region.values() if left.outcome != "no-qualifying-condition"]
    return said + [
        f"{left.region}: not expected, got {left.outcome} {sorted(left.reasons)}" for left in unmentioned
    ]


def _unlike(vignette: Vignette, expected: Mapping[str, Any], decision: Decision) -> Iterator[str]:
    wanted = _wanted(vignette, expected)
    got = _shown(decision, wanted)
    for key, value in wanted.items():
        if value != got[key]:
            yield f"{decision.region}: {key}: expected {_written(value)}, got {_written(got[key])}"


def _wanted(vignette: Vignette, expected: Mapping[str, Any]) -> dict[str, Any]:
    wanted = {"target": None, **expected}
    wanted |= {key: vignette.day(wanted[key]) for key in wanted if key.endswith(("_start", "_on"))}
    return wanted | {key: set(wanted[key]) for key in ("reasons", "left_out", "notes") if key in wanted}


def _shown(decision: Decision, wanted: Mapping[str, Any]) -> dict[str, Any]:
    criteria = {criterion.id: criterion.status for criterion in decision.criteria}
    left_out = {reason for _, reason in decision.left_out}
    return {
        "region": decision.region,
        "outcome": decision.outcome,
        "target": decision.target,
        "reasons": set(decision.reasons),
        "class": decision.trial_class,
        "episode_start": decision.begun_on,
        "trial_start": decision.trial_start,
        "wake_on": decision.wake_on,
        "because": decision.route,
        "priority": decision.priority,
        "criteria": {name: criteria.get(name) for name in wanted.get("criteria", ())},
        "notes": set(decision.notes),
        "left_out": left_out & wanted.get("left_out", set()),
    }


def _written(value: Any) -> str:
    return ", ".join(sorted(value)) or "nothing" if isinstance(value, set) else str(value)
