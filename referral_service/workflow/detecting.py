"""What a person's red flags are told as: one DetectedIssue each, about the patient whose source it is."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from referral_service.core.decision import Decision
from referral_service.core.saying import flags_told
from referral_service.fhir.write import Detected, detected_issue
from referral_service.workflow.ports import Chart
from referral_service.workflow.setting import Setting
from referral_service.workflow.sheaf import name_of

Json = dict[str, Any]
Find = Callable[[str, str], Json | None]


def detected(chart: Chart, decisions: Iterable[Decision], find: Find, setting: Setting) -> Iterator[Json]:
    """The DetectedIssues that change; cancelled are those on which no decision rests any more.

    A source that is gone, or has become another patient's, does not say whose it was: of a person, all are
    looked at.
    """
    before, now = flags_told(one.decision for one in chart.episodes), flags_told(decisions)
    own = chart.claim.patient
    patients = (own, *(one for one in chart.patients if one != own))
    for flag, why in {**before, **now}.items():
        concept, source = flag
        owner = chart.others.get(source, own) if flag in now else None
        is_new = before.get(flag) != why
        for patient in patients:
            if patient == owner and not is_new and len(patients) == 1:
                continue
            id = name_of(chart.claim.tenant, patient, concept, source, "DetectedIssue")
            known = find("DetectedIssue", id)
            stood = known is not None and known["status"] == "preliminary"
            if (is_new or not stood) if patient == owner else stood:
                told = Detected(source, why, patient == owner)
                yield detected_issue(id, told, patient, setting.now, setting.names)
