"""What a person's red flags are told as: one DetectedIssue each, about the patient whose source it is."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from referral_service.core.decision import Decision
from referral_service.core.flags import FLAG_ROLES, may_be_flag
from referral_service.core.saying import flags_told
from referral_service.core.timeline import AnyFact, Condition
from referral_service.fhir.write import Detected, detected_issue
from referral_service.workflow.ports import Chart
from referral_service.workflow.setting import Setting
from referral_service.workflow.sheaf import name_of

Json = dict[str, Any]
Find = Callable[[str, str], Json | None]


def detected(chart: Chart, decisions: Iterable[Decision], find: Find, setting: Setting) -> Iterator[Json]:
    """The DetectedIssues that change; cancelled are those on which no decision rests any more.

    A source that is gone, or has become another patient's, does not say whose it was: of a person, all are
    looked at. What was told while the patient was another person's stands in no decision of its own.
    """
    before, now = flags_told(one.decision for one in chart.episodes), flags_told(decisions)
    own = chart.claim.patient
    patients = (own, *(one for one in chart.patients if one != own))
    for flag in dict.fromkeys((*before, *now, *_possible(chart.facts))):
        concept, source = flag
        owner = chart.others.get(source, own) if flag in now else None
        is_new = before.get(flag) != now.get(flag)
        for patient in patients:
            if patient == owner and not is_new and len(patients) == 1:
                continue
            id = name_of(chart.claim.tenant, patient, concept, source, "DetectedIssue")
            known = find("DetectedIssue", id)
            stood = known is not None and known["status"] == "preliminary"
            if patient == owner and (is_new or not stood):
                yield _issue(id, Detected(source, now[flag], stands=True), patient, setting)
            elif patient != owner and known is not None and stood:
                yield _issue(id, Detected(source, _reasons(known), stands=False), patient, setting)


def _possible(facts: Iterable[AnyFact]) -> Iterator[tuple[str, str]]:
    """What may be red flags: concept and source."""
    for fact in filter(may_be_flag, facts):
        assert isinstance(fact, Condition)
        yield from ((it.concept, fact.source) for it in fact.meanings if it.role.startswith(FLAG_ROLES))


def _reasons(known: Json) -> tuple[str, ...]:
    return tuple(one["code"] for one in known["code"]["coding"])


def _issue(id: str, told: Detected, patient: str, setting: Setting) -> Json:
    return detected_issue(id, told, patient, setting.now, setting.names)
