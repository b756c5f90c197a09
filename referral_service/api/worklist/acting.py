"""Acting on a referral: a form of the page becomes one of people's verbs, or says why it cannot."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, get_args

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from referral_service.api.errors import HttpProblem
from referral_service.api.worklist import fate, saying, words
from referral_service.api.worklist.referral import opened, seen, view
from referral_service.api.worklist.site import Site, Visit
from referral_service.core.answer import Verb
from referral_service.core.fulfillment import Within
from referral_service.core.problem import Category, Problem
from referral_service.fhir.parse import parse
from referral_service.fhir.search.reference import local
from referral_service.store.answers import Answers
from referral_service.wiring import build_outbox, build_track
from referral_service.workflow.carry import Carry
from referral_service.workflow.remark import Kind, Remarks
from referral_service.workflow.review import Asked, Opened, Review
from referral_service.workflow.track import Heard

Form = Mapping[str, str]
_VERBS: Final[tuple[Verb, ...]] = get_args(Verb)
_REMARKS: Final[tuple[Kind, ...]] = get_args(Kind)
_ON_REQUEST: Final = ("approve", "decline", "withdraw", "close")
_ON_ORDER: Final = ("withdraw", "close")
_LONGEST_NOTE: Final = 4000


class Deed(NamedTuple):
    """One thing that a form asks for; `leads` is the page that follows, below the referral's own."""

    do: Callable[[Visit, Opened, Form], None]
    leads: str = ""


async def act(site: Site, request: Request, task: str, name: str) -> Response:
    """Does it and shows the referral again; a conflict or a fault in the form is said on the page."""
    form = await site.form(request)
    deed = _DEEDS.get(name)
    if deed is None:
        raise HttpProblem(404, "not-found", "There is nothing at this address.")
    visit = site.visit(request)
    tried = f"told-{form.get('what', '')}" if name == "told" else name
    found = await run_in_threadpool(opened, visit, task)
    faults = _faults(name, form, found)
    if faults:
        return await _again(site, request, found, 422, {"faults": faults, "tried": tried, "filled": form})
    try:
        await run_in_threadpool(_do, deed, visit, found, form)
    except Problem as error:
        if error.category not in (Category.CONFLICT, Category.REFUSED):
            raise
        said = {"faults": {"": _friendly(error)}, "tried": tried, "filled": form}
        return await _again(site, request, found, 409, said)
    site.service.doorbell.ring()
    return site.back(f"/worklist/referral/{task}{deed.leads}")


def _do(deed: Deed, visit: Visit, found: Opened, form: Form) -> None:
    """What the person saw must still be what is there."""
    if form.get("version", "") != seen(found):
        raise Problem(Category.CONFLICT)
    deed.do(visit, found, form)


def _answer(verb: Verb) -> Deed:
    def do(visit: Visit, found: Opened, form: Form) -> None:
        referral, service = found.referral, visit.service
        on_request = referral.target is not None and verb in _ON_REQUEST
        id = referral.id if on_request else referral.task
        if on_request and verb in _ON_ORDER and referral.order:
            id = referral.order
        owner = form.get("owner", "").strip()
        asked = Asked(
            verb,
            "ServiceRequest" if on_request else "Task",
            id,
            visit.actor,
            note=form.get("note", "").strip(),
            reason=form.get("reason", ""),
            owner=f"Practitioner/{owner}" if owner else None,
            expected=found.resources["ServiceRequest" if on_request else "Task", id].version,
        )
        Review(_desk(visit), service.clock, service.names, visit.zone).run(visit.tenant, asked)

    return Deed(do)


def _remark(kind: Kind) -> Deed:
    def do(visit: Visit, found: Opened, form: Form) -> None:
        remarks = Remarks(_desk(visit), visit.service.clock, visit.service.names)
        remarks.remark(visit.tenant, found, kind, visit.actor, form.get("note", "").strip())

    return Deed(do)


def _carrying(visit: Visit) -> Carry:
    service = visit.service
    outbox = build_outbox(service.settings, service.store)
    return Carry(_desk(visit), outbox, service.clock, Within.of(service.pathway.numbers))


def _send_again(visit: Visit, found: Opened, form: Form) -> None:
    _carrying(visit).again(visit.tenant, found, visit.actor)


def _enter(visit: Visit, found: Opened, form: Form) -> None:
    _carrying(visit).entered(visit.tenant, found, visit.actor)


def _print(visit: Visit, found: Opened, form: Form) -> None:
    _carrying(visit).printed(visit.tenant, found, visit.actor)


def _tell(visit: Visit, found: Opened, form: Form) -> None:
    service, id = visit.service, found.referral.fulfillment or ""
    kept = found.resources.get(("Task", id))
    if kept is None:
        raise Problem(Category.CONFLICT)
    heard = Heard(task=saying.told(parse(kept.body), form), actor=visit.actor, expected=kept.version)
    build_track(service.settings, service.store, service.pathway).update(visit.tenant, id, heard)


_DEEDS: Final[Mapping[str, Deed]] = {
    **{verb: _answer(verb) for verb in _VERBS},
    **{kind: _remark(kind) for kind in _REMARKS},
    "send-again": Deed(_send_again),
    "entered": Deed(_enter),
    "print": Deed(_print, "/letter"),
    "told": Deed(_tell),
}


def _desk(visit: Visit) -> Answers:
    return Answers(visit.service.store.engine, visit.service.clock)


def _faults(name: str, form: Form, found: Opened) -> dict[str, str]:
    """What is wrong with a form, by its field."""
    referral = found.referral
    if name == "told":
        task = found.resources.get(("Task", referral.fulfillment or ""))
        return saying.faults(form, parse(task.body) if task else {})
    faults = {}
    note = form.get("note", "").strip()
    if len(note) > _LONGEST_NOTE:
        faults["note"] = f"Write at most {_LONGEST_NOTE} characters."
    if name in ("comment", "ask") and not note:
        faults["note"] = (
            "Write something." if name == "comment" else "Say what you need to know, and from whom."
        )
    if name == "decline" and form.get("reason", "") not in words.DECLINE_REASONS:
        faults["reason"] = "Choose why you decline."
    if name == "close" and form.get("reason", "") not in fate.CLOSE_REASONS:
        faults["reason"] = "Choose why you close it."
    if name == "reassign" and not local(f"Practitioner/{form.get('owner', '').strip()}"):
        faults["owner"] = "Say who shall have it: letters, digits, dots and hyphens."
    return faults


async def _again(site: Site, request: Request, found: Opened, status: int, said: dict[str, Any]) -> Response:
    """The referral as it is now, with what went wrong first and what was written still there."""
    shown = await run_in_threadpool(view, site.visit(request), found.referral.task)
    return site.page(request, "referral.html", status, **said, **shown)


def _friendly(error: Problem) -> str:
    """What happened, without blame."""
    said = " ".join(issue.diagnostics for issue in error.issues if issue.diagnostics != "conflict")
    changed = "Somebody or something changed this referral while you looked at it. This is how it stands now."
    return f"{changed} {said}".strip()
