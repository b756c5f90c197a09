"""Acting on a referral: a form of the page becomes one of people's verbs, or says why it cannot."""

from typing import Final, get_args

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from referral_service.api.errors import HttpProblem
from referral_service.api.worklist import words
from referral_service.api.worklist.referral import view, waiting
from referral_service.api.worklist.site import Site
from referral_service.core.answer import Verb
from referral_service.core.problem import Category, Problem
from referral_service.core.referral import Referral
from referral_service.fhir.search.reference import local
from referral_service.store.answers import Answers
from referral_service.workflow.ports import DEFAULT_TENANT
from referral_service.workflow.review import Asked, Review

_VERBS: Final[tuple[Verb, ...]] = get_args(Verb)
_ON_REQUEST: Final = ("approve", "decline", "withdraw")
_LONGEST_NOTE: Final = 4000


async def act(site: Site, request: Request, task: str, verb: str) -> Response:
    """Does it and shows the referral again; a conflict or a fault in the form is said on the page."""
    form = await site.form(request)
    said: Verb | None = next((one for one in _VERBS if one == verb), None)
    if said is None:
        raise HttpProblem(404, "not-found", "There is nothing at this address.")
    one = await run_in_threadpool(waiting, site, task)
    faults = _faults(said, form)
    if faults:
        return await _again(site, request, task, 422, faults)
    try:
        await run_in_threadpool(_do, site, one.referral, said, form, site.actor(request))
    except Problem as error:
        if error.category not in (Category.CONFLICT, Category.REFUSED):
            raise
        return await _again(site, request, task, 409, {"": _friendly(error)})
    site.service.doorbell.ring()
    return site.back(f"/worklist/referral/{task}")


def _do(site: Site, referral: Referral, verb: Verb, form: dict[str, str], actor: str) -> None:
    """The version of the Task that the person saw must still be the current one."""
    seen = form.get("version", "")
    current = site.service.store.read(DEFAULT_TENANT, "Task", referral.task)
    if current is None or not seen.isdecimal() or int(seen) != current.version:
        raise Problem(Category.CONFLICT)
    on_request = referral.target is not None and verb in _ON_REQUEST
    owner = form.get("owner", "").strip()
    asked = Asked(
        verb,
        "ServiceRequest" if on_request else "Task",
        (referral.order or referral.id)
        if on_request and verb == "withdraw"
        else _subject(referral, on_request),
        actor,
        note=form.get("note", "").strip(),
        reason=form.get("reason", ""),
        owner=f"Practitioner/{owner}" if owner else None,
        expected=None if on_request else current.version,
    )
    Review(
        Answers(site.service.store.engine, site.service.clock), site.service.clock, site.service.names, site.zone
    ).run(DEFAULT_TENANT, asked)


def _subject(referral: Referral, on_request: bool) -> str:
    return referral.id if on_request else referral.task


def _faults(verb: Verb, form: dict[str, str]) -> dict[str, str]:
    """What is wrong with a form, by its field."""
    faults = {}
    if len(form.get("note", "")) > _LONGEST_NOTE:
        faults["note"] = f"Write at most {_LONGEST_NOTE} characters."
    if verb == "decline" and form.get("reason", "") not in words.DECLINE_REASONS:
        faults["reason"] = "Choose why you decline."
    if verb == "reassign" and not local(f"Practitioner/{form.get('owner', '').strip()}"):
        faults["owner"] = "Say who shall have it: letters, digits, dots and hyphens."
    return faults


async def _again(site: Site, request: Request, task: str, status: int, faults: dict[str, str]) -> Response:
    """The referral as it is now, with what went wrong first."""
    found = await run_in_threadpool(view, site, task)
    return site.page(request, "referral.html", status, faults=faults, **found)


def _friendly(error: Problem) -> str:
    """What happened, without blame."""
    said = " ".join(issue.diagnostics for issue in error.issues)
    changed = "Somebody or something changed this referral while you looked at it. This is how it stands now."
    return f"{changed} {said}".strip()
