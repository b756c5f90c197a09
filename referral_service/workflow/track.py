"""Track: what the fulfiller of an order says of it, however it reaches us, until the loop is closed."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any, Final, Protocol

import msgspec

from referral_service.core.fulfillment import Told, Within, tell
from referral_service.core.problem import Category, Problem, problem
from referral_service.core.referral import Business, Referral
from referral_service.fhir.business import business_of
from referral_service.fhir.check import check
from referral_service.fhir.parse import parse
from referral_service.fhir.search.dates import span
from referral_service.fhir.write import Names
from referral_service.fhir.write.names import instant
from referral_service.workflow.flagging import Flagging
from referral_service.workflow.hand_over import witnessed, written
from referral_service.workflow.ports import Clock, Happening, Stored, Tenant
from referral_service.workflow.read_back import identifiers
from referral_service.workflow.review import Answered, Opened

Json = dict[str, Any]
# What a fulfiller may say of a Task; the rest is ours.
SAID: Final[tuple[str, ...]] = (
    "status",
    "statusReason",
    "businessStatus",
    "owner",
    "executionPeriod",
    "output",
    "note",
)
_UNCOMPARED: Final[tuple[str, ...]] = (
    *SAID,
    "id",
    "meta",
    "lastModified",
    "restriction",
    "text",
    "implicitRules",
    "language",
)
_GIVEN_UP: Final = ("rejected", "cancelled", "failed")


class Desk(Protocol):
    """The part of the store that keeps referrals. Each method is one transaction."""

    def open(self, tenant: Tenant, type: str, id: str) -> Opened | None:
        """The referral that a ServiceRequest or Task of ours belongs to."""

    def identified(self, tenant: Tenant, identifier: str) -> Opened | None:
        """The referral of this identifier."""

    def answer(self, tenant: Tenant, answered: Answered) -> list[Stored]:
        """Stores all or nothing and makes the patient due; Problem CONFLICT if anything came between."""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """A Task as its fulfiller has it, since `of` by their own clock, if that is known.

    `expected`: the version of ours that they saw, None for any.
    """

    task: Json
    actor: str
    of: datetime | None = None
    expected: int | None = None


class Track:
    """The verb, over its ports."""

    def __init__(self, desk: Desk, clock: Clock, names: Names, within: Within, zone: tzinfo) -> None:
        """`within` says when each next step is due."""
        self._desk = desk
        self._clock = clock
        self._names = names
        self._within = within
        self._zone = zone

    def update(self, tenant: Tenant, id: str, heard: Heard) -> Stored:
        """Our Task to fulfil as it is now, after a fulfiller wrote it here.

        Raises Problem: FORBIDDEN for another Task, REFUSED for a change of what is ours, CONFLICT for a wrong
        state or another version than expected.
        """
        opened = self._desk.open(tenant, "Task", id)
        if opened is None or opened.referral.fulfillment != id:
            raise problem(Category.FORBIDDEN, "Only a Task to fulfil an order is changed by its fulfiller.")
        kept = opened.resources["Task", id]
        if heard.expected not in (None, kept.version):
            raise problem(Category.CONFLICT, "The resource is no longer in the version that was expected.")
        _refuse_ours(parse(kept.body), heard.task)
        return self._keep(tenant, opened, heard) or kept

    def heard(self, tenant: Tenant, task: Json, actor: str) -> bool:
        """Follows a Task as the other side has it, found by our identifier; whether it told anything new.

        A word that comes late is no news: the other side has gone on meanwhile, or we gave the order up.
        Raises Problem FAULT for what is no Task of R4.
        """
        opened = self._opened(tenant, task)
        if opened is None:
            return False
        if check(task):
            raise problem(Category.FAULT, "The other side's Task is not valid R4.")
        told = {name: task[name] for name in SAID if name in task}
        if told.get("status") == "completed" and not _has_report(task):
            # seen, and the loop stays open until there is a report
            told["status"], told["businessStatus"] = "in-progress", {"text": "completed"}
        try:
            return self._keep(tenant, opened, Heard(task=told, actor=actor, of=_updated(task))) is not None
        except Problem as late:
            if late.category in (Category.CONFLICT, Category.REFUSED):
                return False
            raise

    def is_ours(self, tenant: Tenant, task: Json) -> bool:
        """Whether a Task is one that we asked to be fulfilled."""
        return self._opened(tenant, task) is not None

    def _opened(self, tenant: Tenant, task: Json) -> Opened | None:
        system = f"{self._names.base}/fulfillment"
        value = next((value for of, value in identifiers(task) if of == system and value), None)
        return self._desk.identified(tenant, value.removesuffix("|order")) if value else None

    def _keep(self, tenant: Tenant, opened: Opened, heard: Heard) -> Stored | None:
        before, at = opened.referral, self._clock.now()
        kept = opened.resources["Task", before.fulfillment or ""]
        task = {**parse(kept.body), **{name: heard.task[name] for name in SAID if name in heard.task}}
        if task == parse(kept.body):
            return None
        said = Told(str(task.get("status")), at, _business(task, before), _has_report(task), heard.of)
        after = tell(before, said, self._within)
        task["lastModified"] = instant(at)
        if after.due_at:
            task["restriction"] = {"period": {"end": instant(after.due_at)}}
        writes = [written(opened, task)]
        if after.order_status != before.order_status:
            order = parse(opened.resources["ServiceRequest", before.order or ""].body)
            writes.append(written(opened, {**order, "status": after.order_status}))
        detail = {"status": said.status, **({"business": after.business} if after.business else {})}
        happenings = [Happening("told", f"Task/{before.fulfillment}", heard.actor, detail)]
        raised = None
        if said.status in _GIVEN_UP and before.fulfillment_status not in _GIVEN_UP:
            flagging = Flagging(tenant, opened.patient, at, self._zone, self._names)
            flag = flagging.flag(after, "refused-by-fulfiller", heard.actor)
            raised = flag.review
            writes.append(written(opened, flag.task))
            happenings.append(flag.happening)
        verb = " ".join(detail.values())
        answered = Answered(
            patient=opened.patient,
            before=before,
            after=after,
            writes=(*writes, witnessed(opened, writes, verb, heard.actor, at)),
            happenings=tuple(happenings),
            raised=raised,
        )
        return self._desk.answer(tenant, answered)[0]


def _updated(task: Json) -> datetime | None:
    known = span(task.get("meta", {}).get("lastUpdated"))
    return known.start if known else None


def _business(task: Json, before: Referral) -> Business | None:
    """As the Task says it; else what was said before, until the status makes it stale."""
    found = business_of(task.get("businessStatus"))
    return found or (before.business if task.get("status") == before.fulfillment_status else None)


def _has_report(task: Mapping[str, Any]) -> bool:
    values = (one for one in task.get("output", ()) if isinstance(one, Mapping))
    return any(str(one.get("valueReference", {}).get("reference") or "") or _named(one) for one in values)


def _named(output: Mapping[str, Any]) -> bool:
    """A report that is named by identifier, or written out."""
    return bool(output.get("valueReference", {}).get("identifier") or output.get("valueAttachment"))


def _refuse_ours(kept: Json, sent: Json) -> None:
    """REFUSED, an issue an element, if what is ours was changed or left out."""
    names = sorted({*kept, *sent} - set(_UNCOMPARED))
    changed = [name for name in names if kept.get(name) != sent.get(name)]
    if changed:
        issues = (
            problem(Category.REFUSED, "A fulfiller does not change this.", f"Task.{name}").issues[0]
            for name in changed
        )
        raise Problem(Category.REFUSED, *issues)
