"""Whether a Subscription that is sent can be served, and says no more than R4 lets its owner say."""

from collections.abc import Sequence
from datetime import datetime

from referral_service.api.fhir.permit import may_read
from referral_service.auth.principal import Principal
from referral_service.core.problem import Category, Issue, Problem
from referral_service.ehr.subscribers import Subscribers
from referral_service.fhir.subscription import Hook, read
from referral_service.workflow.ingest import Change


def require(
    changes: Sequence[Change], subscribers: Subscribers, principal: Principal, as_of: datetime
) -> None:
    """Raises Problem, an issue a fault: FORBIDDEN for what the subscriber may not read, else REFUSED."""
    faults: list[Issue] = []
    for change in changes:
        if change.resource["resourceType"] != "Subscription":
            continue
        end = None
        try:
            hook = read(change.resource, as_of, change.path)
        except Problem as error:
            faults += error.issues
        else:
            end = hook.end
            _permit(hook, principal, change.path)
            if refusal := subscribers.refusal(hook.endpoint):
                faults.append(Issue("business-rule", refusal, f"{change.path}.channel.endpoint"))
        status = change.resource.get("status")
        if status not in ("requested", "off"):
            sentence = "A client says requested or off; the service says what becomes of it."
            faults.append(Issue("business-rule", sentence, f"{change.path}.status"))
        if status == "requested" and end and end <= as_of:
            faults.append(Issue("business-rule", "It has ended before it begins.", f"{change.path}.end"))
    if faults:
        raise Problem(Category.REFUSED, *faults)


def _permit(hook: Hook, principal: Principal, path: str) -> None:
    if not may_read(principal, hook.query.type):
        sentence = f"The token does not bring system/{hook.query.type}.r."
        raise Problem(Category.FORBIDDEN, Issue("forbidden", sentence, f"{path}.criteria"))
