"""Handing over: what becomes of a referral once its order is out, or cannot go out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from msgspec.structs import replace

from referral_service.core.fulfillment import Within, arrived
from referral_service.fhir.parse import dump, parse
from referral_service.fhir.write import answer_provenance
from referral_service.fhir.write.names import instant
from referral_service.workflow.flagging import Flagging
from referral_service.workflow.ingest import terms
from referral_service.workflow.ports import Happening, Write
from referral_service.workflow.review import Answered, Opened
from referral_service.workflow.sheaf import name_of

ACTOR: Final = "Device/referral-service"
Json = dict[str, Any]


def sent(opened: Opened, at: datetime, within: Within, actor: str = ACTOR) -> Answered | None:
    """The referral once its order is with its fulfiller; None if nobody waits for that any more."""
    before = opened.referral
    if before.fulfillment_status != "draft":
        return None
    after = arrived(before, at, within)
    assert after.due_at
    task = parse(opened.resources["Task", before.fulfillment or ""].body)
    task |= {"status": "requested", "restriction": {"period": {"end": instant(after.due_at)}}}
    happening = Happening("sent", f"ServiceRequest/{before.order}", actor)
    writes = [written(opened, task)]
    verb = "send" if actor == ACTOR else "enter"
    return Answered(
        patient=opened.patient,
        before=before,
        after=after,
        writes=(*writes, witnessed(opened, writes, verb, actor, at)),
        happenings=(happening,),
    )


def unsendable(opened: Opened, category: str, flagging: Flagging) -> Answered | None:
    """The referral once a person is to see that it cannot be sent; of two of a kind, by a review too."""
    before = opened.referral
    if before.is_unsendable or before.fulfillment_status != "draft":
        return None
    told = [Happening("unsendable", f"ServiceRequest/{before.order}", ACTOR, {"category": category})]
    flag = flagging.flag(before, "sent-twice", ACTOR) if category == "doubled" else None
    return Answered(
        patient=opened.patient,
        before=before,
        after=replace(before, is_unsendable=True),
        writes=(written(opened, flag.task),) if flag else (),
        happenings=(*told, flag.happening) if flag else tuple(told),
        raised=flag.review if flag else None,
    )


def written(opened: Opened, resource: Json) -> Write:
    """A write of one of a referral's resources, or of a new one."""
    type, id = resource["resourceType"], resource["id"]
    known = opened.resources.get((type, id))
    return Write(
        type=type,
        id=id,
        body=dump(resource),
        patient=opened.patient,
        terms=terms(resource),
        expected=known.version if known else None,
    )


def witnessed(opened: Opened, writes: Sequence[Write], verb: str, actor: str, at: datetime) -> Write:
    """The Provenance of these writes; of none, that of the review."""
    targets = [f"{one.type}/{one.id}/_history/{(one.expected or 0) + 1}" for one in writes]
    if not targets:
        known = opened.resources["Task", opened.referral.task]
        targets = [f"{known.type}/{known.id}/_history/{known.version}"]
    id = name_of(verb, actor, at.isoformat(), *targets)
    return written(opened, answer_provenance(id, targets, verb, actor, at))
