"""One referral: what is drafted, why and why not, what is missing, who did what, and what may be done."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

from referral_service.api.errors import HttpProblem
from referral_service.api.worklist import letter, order
from referral_service.api.worklist.history import history
from referral_service.api.worklist.lists import rows
from referral_service.api.worklist.picture import view as view_of
from referral_service.api.worklist.site import Visit
from referral_service.api.worklist.why import answers, left_out
from referral_service.core.answer import OF_PROPOSALS, OF_REVIEWS, STEPS, Verb, standing
from referral_service.core.decision import Decision, RedFlag
from referral_service.core.explain import missing, sentences
from referral_service.core.referral import Referral
from referral_service.core.saying import told_by
from referral_service.core.stage import OPEN_TASK
from referral_service.fhir.parse import parse
from referral_service.store.answers import Answers
from referral_service.store.waiting import Waiting
from referral_service.workflow.ports import Stored
from referral_service.workflow.remark import WAITING
from referral_service.workflow.review import Opened

Json = dict[str, Any]
# A red flag leaves no time for another route of care: only for another way to have somebody look at once.
_AT_ONCE: Final = (
    "See to it in another way that the patient is examined at once, such as by the emergency department.",
    "Decline, if somebody has looked and the flag is not what was recorded: the reason and the note say so.",
)
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


def waiting(visit: Visit, task: str) -> Waiting:
    """The referral of that Task; 404."""
    found = visit.worklist.one(task)
    if found is None:
        raise HttpProblem(404, "not-found", "There is no such referral.")
    return found


def opened(visit: Visit, task: str) -> Opened:
    """The same with all of its resources; 404."""
    found = Answers(visit.service.store.engine, visit.service.clock).open(visit.tenant, "Task", task)
    if found is None or found.referral.task != task:
        raise HttpProblem(404, "not-found", "There is no such referral.")
    return found


def seen(found: Opened) -> str:
    """What a form brings back: another value once anything that a person rests an answer on has changed."""
    referral = found.referral
    versions = sorted((type, id, one.version) for (type, id), one in found.resources.items())
    said = (versions, referral.is_unsendable, referral.tried_at, referral.sent_at)
    return sha256(repr(said).encode()).hexdigest()[:16]


def view(visit: Visit, task: str) -> dict[str, Any]:
    """What referral.html shows."""
    one, found = waiting(visit, task), opened(visit, task)
    referral, episode = one.referral, visit.worklist.episode(one)
    decision = episode.decision if episode else None
    facts = visit.service.store.facts_of(visit.tenant, one.patient)
    review = _written(found.resources.get(("Task", referral.task)))
    request = _written(found.resources.get(("ServiceRequest", referral.order or referral.id)))
    (row,) = rows(visit, [one])
    return {
        "row": row,
        "referral": referral,
        "decision": decision,
        "flags": _flags(visit, one, decision) if decision else (),
        "version": seen(found),
        "draft": _texts(request),
        "said": sentences(decision) if decision else [],
        "answers": answers(decision.criteria, facts) if decision else [],
        "missing": missing(decision) if decision else [],
        "left_out": left_out(decision, facts) if decision else [],
        "alternatives": _alternatives(referral),
        "pathway": visit.service.pathway,
        "module": visit.service.names.module,
        "history": history(visit, found),
        "verbs": verbs(referral),
        "is_open": referral.task_status in OPEN_TASK,
        "is_waiting": review.get("businessStatus", {}).get("text") == WAITING,
        "order": order.view(visit, one, found),
        "has_letter": letter.may_be_read(referral),
        "about": visit.worklist.identified(referral.about) if referral.about else None,
        "picture": view_of(facts, visit.service.pathway, decision, visit.today()) if decision else None,
    }


def verbs(referral: Referral) -> frozenset[Verb]:
    """What may be said of a referral as it stands."""
    step = next((name for name, it in STEPS.items() if it == standing(referral)), "")
    table = OF_REVIEWS if referral.target is None else OF_PROPOSALS
    found = {verb for verb, leads in table.items() if step in leads}
    if referral.urgency != "urgent" or referral.acknowledged_at is not None:
        found.discard("acknowledge")
    return frozenset(found)


def _flags(visit: Visit, one: Waiting, own: Decision) -> Sequence[RedFlag]:
    """Those that the referral tells of: all of the patient's, if it is the one urgent referral."""
    every = visit.worklist.episodes(one.patient) if own.outcome == "urgent" else ()
    others = {str(number): it.decision for number, it in enumerate(every)}
    return told_by({"": own, **others}, "").flags


def _alternatives(referral: Referral) -> Sequence[str]:
    """What else a person could do, while there is something to be done."""
    if referral.task_status not in OPEN_TASK:
        return ()
    return _AT_ONCE if referral.urgency == "urgent" else _ALTERNATIVES.get(referral.target or "", ())


def _written(stored: Stored | None) -> Json:
    return parse(stored.body) if stored and not stored.is_deleted else {}


def _texts(request: Json) -> Sequence[str]:
    """The drafted text: what is asked for, then what is said of it."""
    said = [request["code"]["text"]] if request.get("code", {}).get("text") else []
    return said + [note["text"] for note in request.get("note", ()) if "text" in note]
