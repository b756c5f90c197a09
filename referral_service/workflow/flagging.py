"""Flagging: a review that tells a person about an order which is out, or has come back."""

from datetime import datetime, tzinfo
from hashlib import sha256
from typing import Any, NamedTuple

from referral_service.core.deadline import review_due
from referral_service.core.fulfillment import Cause
from referral_service.core.referral import Referral
from referral_service.fhir.write import Names, order_review
from referral_service.workflow.ports import Happening, PatientId, Tenant
from referral_service.workflow.sheaf import name_of


class Flag(NamedTuple):
    """The review as it is remembered, its Task, and its line of the ledger."""

    review: Referral
    task: dict[str, Any]
    happening: Happening


class Flagging(NamedTuple):
    """Who is told of what: the patient whose order it is, when, and in whose working days."""

    tenant: Tenant
    patient: PatientId
    at: datetime
    zone: tzinfo
    names: Names

    def flag(self, referral: Referral, cause: Cause, actor: str) -> Flag:
        """As urgent as the order; the same cause of the same order is the same review."""
        key = "|".join((self.tenant, self.patient, referral.identifier, cause))
        identifier = sha256(key.encode()).hexdigest()[:32]
        id = name_of(self.tenant, self.patient, identifier, "Task")
        review = Referral(
            id=id,
            identifier=identifier,
            episode=referral.episode,
            region=referral.region,
            target=None,
            urgency=referral.urgency,
            generation=1,
            status="draft",
            task=id,
            task_status="requested",
            decision=cause,
            due_at=review_due(self.at, referral.priority, self.zone),
            priority=referral.priority,
            authored_at=self.at,
            about=referral.identifier,
        )
        task = order_review(review, referral, self.patient, cause, self.names)
        return Flag(review, task, Happening("flagged", f"Task/{id}", actor, {"reason": cause}))
