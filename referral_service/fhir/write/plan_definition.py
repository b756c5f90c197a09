"""The policy as PlanDefinition: every number with its source, and the requests that may come of it.

There is no expression language in it: the service itself decides, and `$apply` and `$assess` ask it to.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from referral_service.core.decision import Decision, Target
from referral_service.core.pathway import Fraction, Number, Pathway
from referral_service.fhir.search.table import KINDS
from referral_service.fhir.write.names import Names
from referral_service.fhir.write.wording import CAVEATS, PROPOSAL, title

Json = dict[str, Any]
_PLAN_TYPE = "http://terminology.hl7.org/CodeSystem/plan-definition-type"
_WITHOUT_DIMENSION = "1"
_REVIEW = "Review by a human"
_TARGETS: tuple[Target, ...] = ("intradiscal", "surgical")
_URGENT = Decision(region=None, outcome="urgent", reasons=(), target="surgical")
_USAGE = (
    "The service judges each region of the spine by itself, every time that something about the patient"
    " arrives, and on every day on which time alone may change the answer. Apply this plan with $apply; read"
    " the stored decisions as GuidanceResponse."
)


def plan_definition(
    pathway: Pathway, names: Names, value_sets: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """The policy; `value_sets` has the canonicals of the ValueSets of each concept that the policy names."""
    numbers = dict(_numbers(pathway))
    owners = dict.fromkeys(number.owner for number in numbers.values())
    return {
        "resourceType": "PlanDefinition",
        "id": pathway.id,
        "contained": [
            *(_consultation(target, names) for target in _TARGETS),
            _activity("review", "Task", names.coding("task", "review"), _REVIEW),
        ],
        "url": names.module.partition("|")[0],
        "version": pathway.version,
        "name": "".join(word.capitalize() for word in re.findall(r"[A-Za-z0-9]+", pathway.id)),
        "title": pathway.title,
        "type": {"coding": [{"system": _PLAN_TYPE, "code": "eca-rule"}]},
        "status": "active",
        "experimental": False,
        "publisher": ", ".join(owners),
        "description": (
            f"{pathway.title}. When conservative spine care is exhausted, an evaluation for intradiscal"
            f" treatment or a surgical consultation is proposed; a red flag waits for no trial. {PROPOSAL}"
        ),
        "usage": _USAGE,
        "relatedArtifact": _codes(pathway, value_sets),
        "action": [_judging(pathway, numbers, names)],
    }


def _numbers(pathway: Pathway) -> Iterator[tuple[str, Number | Fraction]]:
    """Every number by its place in the policy file."""
    for name in type(pathway.numbers).model_fields:
        if number := getattr(pathway.numbers, name):
            yield f"numbers.{name}", number
    for name, instrument in pathway.instruments.items():
        for part in ("important_change", "persistent_from"):
            if number := getattr(instrument, part):
                yield f"instruments.{name}.{part}", number


def _codes(pathway: Pathway, value_sets: Mapping[str, Sequence[str]]) -> list[Json]:
    """What the policy's words mean: the ValueSets of every concept that it names."""
    return [
        {"type": "depends-on", "label": key, "display": concept, "resource": url}
        for concept, key in sorted(pathway.named_concepts.items(), key=lambda named: named[::-1])
        for url in value_sets.get(concept, ())
    ]


def _judging(pathway: Pathway, numbers: Mapping[str, Number | Fraction], names: Names) -> Json:
    sources = {f"sources.{name}": text for name, text in pathway.sources.items()}
    return {
        "title": "Judge the conservative trial of each region",
        "description": "Each number and each criterion is listed with what it rests on.",
        "documentation": [
            *(_justified(key, _said(number), number.source) for key, number in numbers.items()),
            *(_justified(key, key.partition(".")[2], text) for key, text in sources.items()),
        ],
        "trigger": [
            *(
                {"type": "data-changed", "data": [{"type": kind.type}]}
                for kind in KINDS.values()
                if kind.is_taken_in and (kind.patient or kind.type == "Patient")
            ),
            {"type": "named-event", "name": "wake-on"},
        ],
        "selectionBehavior": "any",
        "action": list(_requests(names)),
    }


def _requests(names: Names) -> Iterator[Json]:
    yield {
        "id": "urgent",
        "title": title(_URGENT, "surgical"),
        "description": "Where a red flag is recorded; the conservative trial is waived.",
        "priority": "urgent",
        "code": [{"coding": [names.coding("outcome", "urgent")]}],
        "definitionCanonical": "#surgical",
    }
    for target in _TARGETS:
        yield {
            "id": target,
            "title": title(_exhausted(target), target),
            "description": "Where the conservative trial looks exhausted and the route leads there.",
            "priority": "routine",
            "code": [{"coding": [names.coding("outcome", "exhausted")]}],
            "definitionCanonical": f"#{target}",
        }
    yield {
        "id": "review",
        "title": _REVIEW,
        "description": "Where the record leaves open what decides; the reasons say what.",
        "code": [{"coding": [names.coding("outcome", "review")]}],
        "definitionCanonical": "#review",
    }


def _consultation(target: Target, names: Names) -> Json:
    words = title(_exhausted(target), target)
    activity = _activity(target, "ServiceRequest", names.coding("referral-target", target), words)
    return {**activity, "usage": CAVEATS} if target == "intradiscal" else activity


def _activity(id: str, kind: str, coding: Json, words: str) -> Json:
    """A request that may come of the plan; contained, since nothing else defines it."""
    return {
        "resourceType": "ActivityDefinition",
        "id": id,
        "status": "active",
        "kind": kind,
        "code": {"coding": [coding], "text": words},
        "intent": "proposal",
    }


def _exhausted(target: Target) -> Decision:
    return Decision(region=None, outcome="exhausted", reasons=(), target=target)


def _said(number: Number | Fraction) -> str:
    unit = "" if number.unit == _WITHOUT_DIMENSION else f" {number.unit}"
    mark = "assumption, to be signed off; " if number.assumption else ""
    return f"{number.value}{unit} ({mark}owner: {number.owner})"


def _justified(label: str, display: str, source: str) -> Json:
    return {"type": "justification", "label": label, "display": display, "citation": source}
