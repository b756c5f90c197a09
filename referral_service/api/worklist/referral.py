"""One referral: what is drafted, why and why not, what is missing, who did what, and what may be done."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from referral_service.api.errors import HttpProblem
from referral_service.api.worklist import words
from referral_service.api.worklist.lists import row, today
from referral_service.api.worklist.picture import view as view_of
from referral_service.api.worklist.site import Site
from referral_service.core.answer import OF_PROPOSALS, OF_REVIEWS, STEPS, Verb, standing
from referral_service.core.dates import When
from referral_service.core.decision import Criterion, Decision
from referral_service.core.explain import CRITERIA, missing, sentences
from referral_service.core.referral import Referral
from referral_service.core.timeline import AnyFact
from referral_service.fhir.parse import parse
from referral_service.fhir.search.query import parse as search_of
from referral_service.fhir.search.table import KINDS
from referral_service.store.search import Search
from referral_service.store.worklist import Waiting
from referral_service.workflow.ports import DEFAULT_TENANT, Stored

Json = dict[str, Any]
_MOST_SHOWN: Final = 5
_SAID: Final = {
    "approve": "approved",
    "decline": "declined",
    "withdraw": "withdrew",
    "acknowledge": "acknowledged the red flag",
    "claim": "claimed",
    "release": "released",
    "reassign": "reassigned",
    "complete": "completed the review",
}
_ALTERNATIVES: Final = {
    "intradiscal": (
        "Decline and go on with conservative care: the reason says for how long there is no new draft.",
        "A surgical consultation instead, ordered by a clinician outside this service.",
        "Ask for what is missing first, and leave the proposal open.",
    ),
    "surgical": (
        "Decline and go on with conservative care: the reason says for how long there is no new draft.",
        "An intradiscal evaluation instead, ordered by a clinician outside this service.",
        "Ask for what is missing first, and leave the proposal open.",
    ),
}


class Fact(NamedTuple):
    """One piece of evidence: the resource version, and the day it is dated."""

    reference: str
    day: str


class Answer(NamedTuple):
    """One criterion as a row of the table Why."""

    asks: str
    shape: str
    answer: str
    status: str
    value: str
    threshold: str
    source: str
    facts: list[Fact]
    more: int


class Line(NamedTuple):
    """Who did what when."""

    at: datetime | None
    who: str
    what: str


def waiting(site: Site, task: str) -> Waiting:
    """The referral of that Task; 404."""
    found = site.worklist.one(task)
    if found is None:
        raise HttpProblem(404, "not-found", "There is no such referral.")
    return found


def view(site: Site, task: str) -> dict[str, Any]:
    """What referral.html shows."""
    one = waiting(site, task)
    referral, decision = one.referral, one.episode.decision if one.episode else None
    store = site.service.store
    facts = store.facts_of(DEFAULT_TENANT, one.patient)
    written = _written(store.read(DEFAULT_TENANT, "Task", referral.task))
    request = _written(
        store.read(DEFAULT_TENANT, "ServiceRequest", referral.order or referral.id)
        if referral.target
        else None
    )
    return {
        "row": row(one, site.worklist.scores([one]).get(task, []), site.service.clock.now(), today(site)),
        "referral": referral,
        "decision": decision,
        "version": _version(store.read(DEFAULT_TENANT, "Task", referral.task)),
        "draft": _texts(request),
        "notes": _notes(written),
        "said": sentences(decision) if decision else [],
        "answers": answers(decision.criteria, facts) if decision else [],
        "missing": missing(decision) if decision else [],
        "left_out": _left_out(decision, facts) if decision else [],
        "alternatives": _ALTERNATIVES.get(referral.target or "", ()),
        "pathway": site.service.pathway,
        "module": site.service.names.module,
        "history": _history(site, referral),
        "verbs": verbs(referral),
        "picture": view_of(facts, site.service.pathway, decision, today(site)) if decision else None,
    }


def verbs(referral: Referral) -> frozenset[Verb]:
    """What may be said of a referral as it stands."""
    step = next((name for name, it in STEPS.items() if it == standing(referral)), "")
    table = OF_REVIEWS if referral.target is None else OF_PROPOSALS
    found = {verb for verb, leads in table.items() if step in leads}
    if referral.urgency != "urgent" or referral.acknowledged_at is not None:
        found.discard("acknowledge")
    return frozenset(found)


def answers(criteria: Sequence[Criterion], facts: Sequence[AnyFact]) -> list[Answer]:
    """Each criterion with what it rests on, the newest facts first."""
    days = {fact.evidence: _day(fact) for fact in facts}
    found = []
    for one in criteria:
        shape, answer = words.ANSWERS[one.status]
        rests = [Fact(reference, days.get(reference, "")) for reference in one.evidence]
        rests.sort(key=lambda it: it.day, reverse=True)
        found.append(
            Answer(
                CRITERIA[one.id],
                shape,
                answer,
                one.status,
                words.value(one),
                words.threshold(one),
                one.source,
                rests[:_MOST_SHOWN],
                max(0, len(rests) - _MOST_SHOWN),
            )
        )
    return found


def _left_out(decision: Decision, facts: Sequence[AnyFact]) -> list[tuple[Fact, str]]:
    days = {fact.evidence: _day(fact) for fact in facts}
    return [
        (Fact(reference, days.get(reference, "")), words.LEFT_OUT.get(why, why))
        for reference, why in decision.left_out
    ]


def _day(fact: AnyFact) -> str:
    """The day that a fact is dated, as exactly as it was recorded."""
    for name in ("start", "at", "onset", "recorded"):
        when: When | None = getattr(fact, name, None)
        if when:
            first, last = when.earliest, when.latest
            return first.isoformat() if first == last else f"{first} to {last}"
    return ""


def _written(stored: Stored | None) -> Json:
    return parse(stored.body) if stored and not stored.is_deleted else {}


def _version(stored: Stored | None) -> int:
    return stored.version if stored else 0


def _texts(request: Json) -> list[str]:
    """The drafted text: what is asked for, then what is said of it."""
    said = [request["code"]["text"]] if request.get("code", {}).get("text") else []
    return said + [note["text"] for note in request.get("note", ()) if "text" in note]


def _notes(task: Json) -> list[tuple[str, str, str]]:
    """What people wrote: when, who, what."""
    return [
        (
            note.get("time", ""),
            words.person(note.get("authorReference", {}).get("reference")) or note.get("authorString", ""),
            note["text"],
        )
        for note in task.get("note", ())
        if "text" in note
    ]


def _history(site: Site, referral: Referral) -> list[Line]:
    """Every step of it, the newest first."""
    subjects = [f"Task/{referral.task}"]
    if referral.target is not None:
        subjects += [f"ServiceRequest/{id}" for id in (referral.id, referral.order) if id]
    query = search_of(
        KINDS["Provenance"],
        [("target", ",".join(subjects)), ("_sort", "-_lastUpdated"), ("_count", "100")],
        as_of=site.service.clock.as_of(),
    )
    found = Search(site.service.store.engine).page(DEFAULT_TENANT, query)
    return [_line(parse(one.body)) for one in found.matches]


def _line(provenance: Json) -> Line:
    who = provenance["agent"][0]["who"]
    verb = provenance.get("activity", {}).get("text", "")
    name = words.person(who.get("reference")) or "The service"
    at = datetime.fromisoformat(provenance["recorded"]) if "recorded" in provenance else None
    return Line(at, name, _SAID.get(verb, verb) or "wrote or changed it after a decision")
