"""Whether a Subscription that is sent can be served, and says no more than R4 lets its owner say."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from referral_service.api.fhir.permit import may
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
        try:
            hook = read(change.resource, as_of, change.path)
        except Problem as error:
            faults += error.issues
            hook = None
        faults += _faults(change, hook, subscribers, principal, as_of)
    if faults:
        raise Problem(Category.REFUSED, *faults)


def _faults(
    change: Change, hook: Hook | None, subscribers: Subscribers, principal: Principal, as_of: datetime
) -> Iterator[Issue]:
    """What is wrong with it here and now; `hook` is None if more is."""
    status, path = change.resource.get("status"), change.path
    if status not in ("requested", "off"):
        sentence = "A client says requested or off; the service says what becomes of it."
        yield Issue("business-rule", sentence, f"{path}.status")
    if hook is None:
        return
    if not may(principal, hook.query.type, "read"):
        sentence = f"The token does not bring system/{hook.query.type}.r."
        raise Problem(Category.FORBIDDEN, Issue("forbidden", sentence, f"{path}.criteria"))
    if refusal := subscribers.refusal(hook.endpoint):
        yield Issue("business-rule", refusal, f"{path}.channel.endpoint")
    if status == "requested" and hook.end and hook.end <= as_of:
        yield Issue("business-rule", "It has ended before it begins.", f"{path}.end")
