"""Remarks: what people write on a referral beside their answers, and that they wait for information."""

from typing import Any, Final, Literal, Protocol

from referral_service.core.problem import Category, problem
from referral_service.fhir.parse import parse
from referral_service.fhir.write import Names, answered_task
from referral_service.fhir.write import Remark as Written
from referral_service.workflow.hand_over import witnessed, written
from referral_service.workflow.ports import Clock, Happening, Stored, Tenant
from referral_service.workflow.review import Answered, Opened

Json = dict[str, Any]
Kind = Literal["comment", "ask", "informed"]
# The review's businessStatus, while somebody has asked for more than the record says.
WAITING: Final = "waiting for information"
_KINDS: Final[dict[Kind, str]] = {"comment": "commented", "ask": "asked-people", "informed": "informed"}
_OPEN: Final = ("requested", "in-progress", "on-hold")


class Desk(Protocol):
    """The part of the store that keeps answers."""

    def answer(self, tenant: Tenant, answered: Answered) -> list[Stored]:
        """Stores all or nothing; Problem CONFLICT if anything came between."""


class Remarks:
    """The verb, over its ports."""

    def __init__(self, desk: Desk, clock: Clock, names: Names) -> None:
        """`names` gives what is written its identifiers."""
        self._desk = desk
        self._clock = clock
        self._names = names

    def remark(self, tenant: Tenant, opened: Opened, kind: Kind, actor: str, note: str) -> None:
        """Keeps it on the review's Task. Raises Problem CONFLICT for a question that comes too late."""
        referral, at = opened.referral, self._clock.now()
        if kind != "comment" and referral.task_status not in _OPEN:
            raise problem(Category.CONFLICT, f"The Task is {referral.task_status}: too late to ask.")
        kept: Json = parse(opened.resources["Task", referral.task].body)
        task = answered_task(kept, referral, Written(actor, at, note), self._names)
        if kind == "ask":
            task["businessStatus"] = {"text": WAITING}
        elif kind == "informed":
            task.pop("businessStatus", None)
        writes = [written(opened, task)]
        self._desk.answer(
            tenant,
            Answered(
                patient=opened.patient,
                before=referral,
                after=referral,
                writes=(*writes, witnessed(opened, writes, kind, actor, at)),
                happenings=(Happening(_KINDS[kind], f"Task/{referral.task}", actor),),
            ),
        )
