"""An approved order on its way: how it goes out, what the clinic said of it, and what people may do."""

from base64 import b64decode
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from referral_service.api.worklist import fate, words
from referral_service.api.worklist.history import moment
from referral_service.api.worklist.site import Visit
from referral_service.core.referral import Referral
from referral_service.fhir.parse import parse
from referral_service.fhir.search.reference import is_id
from referral_service.fhir.search.table import KINDS
from referral_service.store.waiting import Waiting
from referral_service.workflow.review import Opened

Json = dict[str, Any]
_SHOWN: Final = 4000
_TEXTS: Final = ("valueString", "valueMarkdown", "valueUrl", "valueUri")


class Report(NamedTuple):
    """A report: where it is (`is_here`: the service itself holds it; else another side does), or its text."""

    reference: str
    text: str
    is_here: bool = False
    is_elsewhere: bool = False


class OrderView(NamedTuple):
    """All that the page says of an order, and the acts that its forms offer."""

    destination: str
    sent_at: datetime | None
    tried_at: datetime | None
    attempts: int
    next_try_at: datetime | None
    trouble: str
    appointment: str
    why: str
    reports: list[Report]
    acts: frozenset[str]
    next_sayings: list[str]
    other_sayings: list[str]
    approved_by: str
    approved_at: datetime | None
    can_undo: bool


def view(visit: Visit, one: Waiting, found: Opened) -> OrderView | None:
    """None before an approval."""
    referral = one.referral
    if referral.order is None:
        return None
    task = parse(found.resources["Task", referral.fulfillment or ""].body)
    sending = one.sending
    kind = sending.destination if sending else visit.service.settings.destination_kind
    is_unsent = referral.fulfillment_status == "draft"
    following, others = fate.sayings(referral)
    return OrderView(
        destination=fate.DESTINATIONS.get(kind, kind),
        sent_at=referral.sent_at,
        tried_at=referral.tried_at,
        attempts=sending.attempts if sending else 0,
        next_try_at=sending.due_at if sending and sending.state == "waiting" and is_unsent else None,
        trouble=fate.FAILURES.get(sending.category or "", "") if sending and is_unsent else "",
        appointment=str(task.get("executionPeriod", {}).get("start", "")),
        why=_why(task.get("statusReason", {})),
        reports=list(_reports(visit, task)),
        acts=acts(referral, visit.service.settings.destination_kind),
        next_sayings=following,
        other_sayings=others,
        approved_by=words.person(task.get("requester", {}).get("reference")),
        approved_at=moment(task.get("authoredOn")),
        can_undo=is_unsent and not referral.may_be_sent,
    )


def acts(referral: Referral, kind: str) -> frozenset[str]:
    """What a person may do to bring an order out; `kind` is how orders go out here."""
    if referral.order is None or referral.fulfillment_status != "draft":
        return frozenset()
    is_by_hand = kind in fate.BY_HAND
    found = {"print", "entered"} if is_by_hand or referral.is_unsendable else set()
    return frozenset(found | ({"send-again"} if referral.is_unsendable and not is_by_hand else set()))


def _why(concept: Json) -> str:
    """A reason in words, else as a code."""
    codes = [one.get("display") or one.get("code", "") for one in concept.get("coding", ())]
    said = concept.get("text") or " ".join(codes)
    return fate.CLOSE_REASONS.get(said, str(said))


def _reports(visit: Visit, task: Json) -> Iterator[Report]:
    for output in task.get("output", ()):
        to = output.get("valueReference", {})
        named = to.get("reference") or to.get("identifier", {}).get("value") or to.get("display")
        if named:
            is_here = _is_here(visit, str(to.get("reference", "")))
            yield Report(str(named), "", is_here, "reference" in to and not is_here)
        elif "valueAttachment" in output:
            yield _attached(output["valueAttachment"])
        elif text := next((output[name] for name in _TEXTS if name in output), ""):
            yield Report("", text[:_SHOWN])


def _is_here(visit: Visit, reference: str) -> bool:
    """Whether that resource is stored here: most reports are at the EHR alone."""
    type, _, id = reference.partition("/")
    if type not in KINDS or not is_id(id):
        return False
    stored = visit.service.store.read(visit.tenant, type, id)
    return stored is not None and not stored.is_deleted


def _attached(attachment: Json) -> Report:
    """A text is shown; of anything else its address or title."""
    if attachment.get("contentType", "").startswith("text/plain") and "data" in attachment:
        return Report("", b64decode(attachment["data"]).decode("utf-8", "replace")[:_SHOWN])
    return Report(str(attachment.get("url") or attachment.get("title") or "attached"), "")
