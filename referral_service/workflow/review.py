"""Review: a person answers a referral or its Task. One transaction, or nothing.

What may be said when is `core.answer`; here it becomes resources, the remembered referral and a ledger line.
The patient is decided again afterwards, and an evaluation that began before counts no more.
"""

from datetime import UTC, tzinfo
from typing import Any, Literal, NamedTuple, Protocol

import msgspec
from msgspec.structs import replace

from referral_service.core.answer import Said, Verb, answer, standing
from referral_service.core.problem import Category, Problem, problem
from referral_service.core.referral import Referral
from referral_service.fhir.parse import dump, parse
from referral_service.fhir.write import (
    Names,
    Remark,
    answer_provenance,
    answered_task,
    fulfillment_task,
    given_up,
    order,
)
from referral_service.workflow.flagging import Flagging
from referral_service.workflow.ingest import terms
from referral_service.workflow.ports import Clock, Happening, PatientId, Stored, Tenant, Write
from referral_service.workflow.sheaf import name_of

Json = dict[str, Any]
Key = tuple[str, str]
Answerable = Literal["ServiceRequest", "Task"]
_KINDS: dict[Verb, str] = {
    "approve": "approved",
    "decline": "declined",
    "withdraw": "withdrawn",
    "acknowledge": "acknowledged",
    "claim": "claimed",
    "release": "released",
    "reassign": "reassigned",
    "complete": "reviewed",
    "close": "closed",
}


class Asked(NamedTuple):
    """What a person asks: the verb on ServiceRequest/id or Task/id. `expected`: the version that they saw."""

    verb: Verb
    type: Answerable
    id: str
    actor: str
    note: str = ""
    reason: str = ""
    owner: str | None = None
    expected: int | None = None


class Opened(msgspec.Struct, frozen=True):
    """One referral as it stands: whose, what is remembered, and its resources by type and id."""

    patient: PatientId
    referral: Referral
    resources: dict[Key, Stored]


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer changes; void unless `before` is still what is remembered. `raised`: a new review."""

    patient: PatientId
    before: Referral
    after: Referral
    writes: tuple[Write, ...]
    happenings: tuple[Happening, ...]
    raised: Referral | None = None


class Desk(Protocol):
    """The part of the store that people's answers need. Each method is one transaction."""

    def open(self, tenant: Tenant, type: str, id: str) -> Opened | None:
        """The referral that a ServiceRequest or Task of ours belongs to."""

    def answer(self, tenant: Tenant, answered: Answered) -> list[Stored]:
        """Stores all or nothing and makes the patient due; Problem CONFLICT if anything came between."""


class Review:
    """The verbs, over their ports."""

    def __init__(self, desk: Desk, clock: Clock, names: Names, zone: tzinfo = UTC) -> None:
        """`names` gives what is written its identifiers, `zone` people their working days."""
        self._desk = desk
        self._clock = clock
        self._names = names
        self._zone = zone

    def run(self, tenant: Tenant, asked: Asked) -> Stored:
        """The resource that was asked about as it is now; of an approval, the order.

        Raises Problem: FORBIDDEN for what is not ours, REFUSED for a verb that does not fit it, CONFLICT for
        a wrong state, another version than expected, or somebody who was faster.
        """
        remark = Remark(asked.actor, self._clock.now(), asked.note, asked.reason)
        opened, after = self._decide(tenant, asked, remark)
        if after == opened.referral:
            return opened.resources[asked.type, asked.id]
        flagging = Flagging(tenant, opened.patient, remark.at, self._zone, self._names)
        answered = _Writing(flagging, asked, remark).answered(opened, after)
        try:
            stored = self._desk.answer(tenant, answered)
        except Problem as lost:
            if lost.category is Category.CONFLICT:
                self._decide(tenant, asked, remark)  # says in which state it is by now
            raise
        is_approved = asked.verb == "approve"
        wanted = (asked.type, answered.after.order if is_approved else asked.id)
        changed = (one for one in stored if (one.type, one.id) == wanted)
        return next(changed, opened.resources[asked.type, asked.id])

    def _decide(self, tenant: Tenant, asked: Asked, remark: Remark) -> tuple[Opened, Referral]:
        opened = self._desk.open(tenant, asked.type, asked.id)
        if opened is None:
            raise problem(
                Category.FORBIDDEN, "The service did not write this; its owner's system changes it."
            )
        if asked.expected not in (None, opened.resources[asked.type, asked.id].version):
            raise problem(Category.CONFLICT, "The resource is no longer in the version that was expected.")
        if (asked.type, asked.id) == ("Task", opened.referral.fulfillment):
            raise problem(Category.REFUSED, "A Task to fulfil an order is not answered by reviewers.")
        said = Said(asked.verb, asked.actor, remark.at, asked.owner)
        return opened, answer(opened.referral, said)


class _Writing:
    """Collects what one answer writes."""

    def __init__(self, flagging: Flagging, asked: Asked, remark: Remark) -> None:
        self._flagging = flagging
        self._asked = asked
        self._remark = remark
        self._names = flagging.names
        self._writes: list[Write] = []

    def answered(self, opened: Opened, after: Referral) -> Answered:
        """Everything that turning `opened` into `after` changes."""
        before, patient = opened.referral, opened.patient
        if after.order_status and not after.order:
            after = replace(
                after,
                order=self._id(patient, after.identifier, "order", "ServiceRequest"),
                fulfillment=self._id(patient, after.identifier, "order", "Task"),
            )
        self._request(opened, after)
        if (before.task_status, before.owner) != (after.task_status, after.owner):
            remark = self._remark._replace(note="") if self._asked.verb == "approve" else self._remark
            task = _body(opened, "Task", before.task)
            self._put(opened, answered_task(task, after, remark, self._names))
        targets = [f"{one.type}/{one.id}/_history/{(one.expected or 0) + 1}" for one in self._writes]
        self._put(opened, self._provenance(opened, targets))
        happenings = [self._happening(after)]
        flag = None
        if after.is_flagged and not before.is_flagged:
            flag = self._flagging.flag(after, "withdrawn-once-sent", self._asked.actor)
            self._put(opened, flag.task)
            happenings.append(flag.happening)
        return Answered(
            patient=patient,
            before=before,
            after=after,
            writes=tuple(self._writes),
            happenings=tuple(happenings),
            raised=flag.review if flag else None,
        )

    def _request(self, opened: Opened, after: Referral) -> None:
        """The proposal, and the order with its Task: made by an approval, changed by what ends it."""
        before = opened.referral
        if before.target is None or standing(before) == standing(after):
            return
        proposal = {**_body(opened, "ServiceRequest", before.id), "status": after.status}
        if before.status != after.status:
            self._put(opened, proposal)
        if after.order is None:
            return
        if before.order is None:
            self._put(opened, order(proposal, after, self._remark, self._names))
            self._put(opened, fulfillment_task(after, opened.patient, self._remark, self._names))
            return
        if before.order_status != after.order_status:
            known = _body(opened, "ServiceRequest", after.order)
            self._put(opened, {**known, "status": after.order_status})
        if before.fulfillment_status != after.fulfillment_status:
            known = _body(opened, "Task", after.fulfillment or "")
            self._put(opened, given_up(known, after, self._remark, self._names))

    def _provenance(self, opened: Opened, targets: list[str]) -> Json:
        asked, at = self._asked, self._remark.at
        if not targets:
            known = opened.resources[asked.type, asked.id]
            targets = [f"{known.type}/{known.id}/_history/{known.version}"]
        id = self._id(opened.patient, asked.verb, asked.actor, at.isoformat(), *targets)
        return answer_provenance(id, targets, asked.verb, asked.actor, at)

    def _happening(self, after: Referral) -> Happening:
        asked = self._asked
        told = {"order": after.order} if asked.verb == "approve" else {}
        told |= {"reason": asked.reason or None, "owner": asked.owner}
        of_request = asked.verb in ("approve", "decline", "withdraw", "close")
        subject = f"ServiceRequest/{after.id}" if of_request else f"{asked.type}/{asked.id}"
        detail = {name: value for name, value in told.items() if value}
        return Happening(_KINDS[asked.verb], subject, asked.actor, detail)

    def _put(self, opened: Opened, resource: Json) -> None:
        type, id = resource["resourceType"], resource["id"]
        known = opened.resources.get((type, id))
        self._writes.append(
            Write(
                type=type,
                id=id,
                body=dump(resource),
                patient=opened.patient,
                terms=terms(resource),
                expected=known.version if known else 0,
            )
        )

    def _id(self, *parts: str) -> str:
        return name_of(self._flagging.tenant, *parts)


def _body(opened: Opened, type: str, id: str) -> Json:
    return parse(opened.resources[type, id].body)
