"""One patient: every episode with its decisions over time and what changed them, and every referral."""

from datetime import datetime
from typing import Any, Final, NamedTuple

from referral_service.api.errors import HttpProblem
from referral_service.api.worklist import words
from referral_service.api.worklist.lists import rows
from referral_service.api.worklist.person import person_of
from referral_service.api.worklist.picture import view as view_of
from referral_service.api.worklist.site import Visit
from referral_service.core.explain import CRITERIA, REASONS, sentences
from referral_service.fhir.parse import parse
from referral_service.store.search import Search
from referral_service.workflow.ports import PatientId, Stored

Json = dict[str, Any]
_MOST_VERSIONS: Final = 50
_LAST: Final = 2**31 - 1


class Decided(NamedTuple):
    """One decision as it was saved, and what differs from the one before it."""

    at: datetime
    reference: str
    outcome: str
    reasons: list[str]
    changed: list[str]


def view(visit: Visit, id: str) -> dict[str, Any]:
    """What patient.html shows; 404."""
    patient = PatientId(id)
    stored = visit.service.store.read(visit.tenant, "Patient", id)
    episodes = visit.worklist.episodes(patient)
    if stored is None and not episodes:
        raise HttpProblem(404, "not-found", "There is no such patient.")
    day = visit.today()
    facts = visit.service.store.facts_of(visit.tenant, patient)
    pictures = [
        view_of(facts, visit.service.pathway, one.decision, day) if one.is_open else None for one in episodes
    ]
    return {
        "person": person_of(stored.body if stored and not stored.is_deleted else None, id),
        "others": [one for one in visit.worklist.whole(patient) if one != patient],
        "episodes": [(one, sentences(one.decision), decisions(visit, one.guidance)) for one in episodes],
        "pictures": pictures,
        "rows": rows(visit, visit.worklist.of_patient(patient)),
    }


def decisions(visit: Visit, guidance: str) -> list[Decided]:
    """Every decision about an episode, the newest first."""
    search = Search(visit.service.store.engine)
    found = search.history(visit.tenant, "GuidanceResponse", guidance, _LAST, _MOST_VERSIONS).versions
    told = [(one, _told(one)) for one in found if not one.is_deleted]
    earlier = [said for _, said in told[1:]]
    return [
        _decided(one, said, earlier[number] if number < len(earlier) else None)
        for number, (one, said) in enumerate(told)
    ]


def _decided(one: Stored, said: Json, before: Json | None) -> Decided:
    return Decided(
        one.updated_at,
        f"GuidanceResponse/{one.id}/_history/{one.version}",
        said["outcome"],
        [REASONS.get(reason, reason) for reason in said["reasons"]],
        _changes(before, said) if before else [],
    )


def _told(one: Stored) -> Json:
    """Outcome, reasons, and each criterion's answer, from the resource as it was emitted."""
    parameters = parse(one.body)["contained"][0]["parameter"]
    criteria = {}
    for part in (it["part"] for it in parameters if it["name"] == "criterion"):
        by_name = {it["name"]: it.get("valueCode") or it.get("valueString") for it in part}
        criteria[by_name["id"]] = by_name["status"]
    named = [(it["name"], it.get("valueCode")) for it in parameters]
    return {
        "outcome": next(value for name, value in named if name == "outcome"),
        "reasons": [value for name, value in named if name == "reason"],
        "criteria": criteria,
    }


def _changes(before: Json, after: Json) -> list[str]:
    """The criteria whose answer is another one now."""
    was = before["criteria"]
    return [
        f"{CRITERIA[id]}: {_answer(was[id])}, now {_answer(now)}"
        for id, now in after["criteria"].items()
        if was.get(id, now) != now
    ]


def _answer(status: str) -> str:
    return words.ANSWERS[status][1].lower()
