"""The coordinators' page: what waits for a human, the urgent first."""

from base64 import b64encode
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool

from referral_service.core.decision import Decision
from referral_service.core.explain import REASONS
from referral_service.fhir.write.wording import title
from referral_service.settings import Settings
from referral_service.store.worklist import Waiting, waiting
from referral_service.wiring import Service
from referral_service.workflow.ports import DEFAULT_TENANT

_TEMPLATES = Path(__file__).parent / "templates"
_MOST = 500
_PRIORITIES = {"stat": "Stat", "urgent": "Urgent", "routine": "Routine"}


class Line(NamedTuple):
    """One row of the page, in words."""

    is_urgent: bool
    priority: str
    patient: str
    region: str
    asks_for: str
    reasons: list[str]
    status: str
    since: str
    due: str
    is_overdue: bool
    wakes_on: str


def routes(service: Service) -> APIRouter:
    """`/worklist`, and `/` that leads there."""
    router = APIRouter()
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    template = environment.get_template("worklist.html")
    style = (_TEMPLATES / "worklist.css").read_text()
    headers = {"Content-Security-Policy": _policy(style), "Cache-Control": "no-store"}

    def page() -> str:
        zone = ZoneInfo(service.settings.timezone)
        found = waiting(service.store.engine, DEFAULT_TENANT, _MOST)
        now = service.clock.now()
        lines = sorted((_line(one, zone, now) for one in found), key=lambda line: not line.is_urgent)
        return template.render(
            lines=lines,
            is_cut=len(found) == _MOST,
            parked=service.store.counts().patients_parked,
            warnings=_warnings(service.settings),
            timezone=service.settings.timezone,
            style=style,
        )

    @router.get("/")
    async def home() -> RedirectResponse:
        """The worklist is the home page."""
        return RedirectResponse("/worklist", 303)

    @router.get("/worklist")
    async def worklist() -> HTMLResponse:
        """Every open Task, up to the page's limit."""
        return HTMLResponse(await run_in_threadpool(page), headers=headers)

    return router


def _line(one: Waiting, zone: ZoneInfo, now: datetime) -> Line:
    referral, decision = one.referral, one.episode.decision if one.episode else None
    return Line(
        is_urgent=referral.urgency == "urgent",
        priority=_PRIORITIES[referral.priority],
        patient=f"Patient/{one.patient}",
        region=referral.region or "none",
        asks_for=title(decision, referral.target) if decision and referral.target else "Review",
        reasons=_why(decision) if decision else [],
        status=referral.task_status,
        since=_moment(referral.authored_at, zone),
        due=_moment(referral.due_at, zone),
        is_overdue=referral.due_at is not None and referral.due_at < now,
        wakes_on=decision.wake_on.isoformat() if decision and decision.wake_on else "none",
    )


def _why(decision: Decision) -> list[str]:
    """The reasons in sentences; of red flags also what is recorded, and since when."""
    said = [REASONS.get(reason, reason) for reason in decision.reasons]
    for concept, day, source, _ in decision.flags:
        said.append(f"{concept.replace('_', ' ').capitalize()}, {day or 'no date'}, {source}.")
    return said


def _moment(at: datetime | None, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M") if at else "none"


def _warnings(settings: Settings) -> list[str]:
    """What whoever looks at a page must know of how the service runs."""
    said = []
    if settings.auth == "off":
        said.append("Authentication is off: whoever reaches this address sees and changes everything.")
    if settings.allow_insecure:
        said.append("ALLOW_INSECURE is set: the service may be reachable from other machines.")
    if settings.clock_shift:
        said.append("CLOCK_SHIFT is set: decisions are made for another day than today.")
    return said


def _policy(style: str) -> str:
    """Nothing is loaded, run or sent from a page; its one style is allowed by its hash."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"
