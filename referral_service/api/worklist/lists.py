"""The lists: what stands on each, what is due first coming first, filtered and paged; and as CSV."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import msgspec

from referral_service.api.errors import HttpProblem
from referral_service.api.worklist import fate, words
from referral_service.api.worklist.person import Person, person_of
from referral_service.api.worklist.site import Visit
from referral_service.core.explain import missing
from referral_service.core.referral import Referral
from referral_service.core.saying import flags_in
from referral_service.core.stage import STAGES, Stage
from referral_service.store.waiting import Waiting
from referral_service.store.worklist import MOST_COUNTED, Asked, Place
from referral_service.workflow.remark import WAITING

PAGE: Final = 25
_PAGE_OF_FILE: Final = 500
IDENTIFIER: Final = "identifier"  # of a patient: in no address, since those are kept and logged
IN_ADDRESS: Final = ("target", "region", "owner", "overdue")
_FORMULA: Final = re.compile(r"(^|;)(?= ?[=+\-@])")
_HEADING: Final = (
    "list", "patient", "born", "identifier", "asks for", "region", "priority", "waits since", "due",
    "overdue", "owner", "stands", "trouble", "reason", "missing", "address",
)  # fmt: skip


class Row(NamedTuple):
    """One referral on a list. `trouble` is why the last try to send its order failed."""

    task: str
    person: Person
    asks_for: str
    region: str
    shape: str
    priority: str
    since: datetime | None
    due: datetime | None
    due_at: str
    is_overdue: bool
    left: str
    owner: str
    status: str
    reason: str
    missing: list[str]
    acknowledged: str
    trouble: str = ""
    is_order: bool = False


def stage_of(name: str) -> Stage:
    """The list of that name; 404."""
    found: Stage | None = next((stage for stage in STAGES if stage == name), None)
    if found is None:
        raise HttpProblem(404, "not-found", "There is no such list.")
    return found


def asked(visit: Visit, stage: Stage, query: Mapping[str, str]) -> Asked:
    """A list with the filters of an address or a form; what is no filter is passed by."""
    owner = {"me": visit.actor, "nobody": ""}.get(query.get("owner", ""))
    if stage == "red-flag":
        return Asked(stage)  # no filter ever hides a red flag
    return Asked(
        stage,
        target=_said(query, "target"),
        region=_said(query, "region"),
        owner=owner,
        overdue_at=visit.service.clock.now() if query.get("overdue") else None,
        identifier=_said(query, IDENTIFIER),
    )


def _said(query: Mapping[str, str], name: str) -> str:
    """A filter; PostgreSQL takes no text with the mark of number 0, and nobody has one."""
    return query.get(name, "").strip().replace("\0", "\ufffd")


def place_of(query: Mapping[str, str]) -> Place | None:
    """Where the page before ended; 400 for what is no place."""
    said = query.get("after", "")
    if not said:
        return None
    due, _, task = said.partition("-")
    if not due.isdecimal() or len(due) > 18 or not task or "\0" in task:
        raise HttpProblem(400, "value", "after: not a place in a list.")
    return Place(int(due), task)


def in_address(query: Mapping[str, str]) -> Mapping[str, str]:
    """What an address asks for; 400 for a patient's identifier."""
    if IDENTIFIER in query:
        raise HttpProblem(
            400, "value", "No address holds a patient's identifier: type it into the field of a list."
        )
    return query


def address_of(stage: Stage, query: Mapping[str, str]) -> str:
    """Where a list is with the filters that an address may hold."""
    filters = urlencode({name: query[name] for name in IN_ADDRESS if query.get(name)})
    return f"/worklist/list/{stage}{filters and f'?{filters}'}"


def kept_of(query: Mapping[str, str]) -> dict[str, str]:
    """The filters asked for."""
    return {name: query[name] for name in (*IN_ADDRESS, IDENTIFIER) if query.get(name)}


def page(visit: Visit, stage: Stage, query: Mapping[str, str]) -> dict[str, Any]:
    """What list.html shows."""
    which = asked(visit, stage, query)
    board = visit.worklist.board(which, PAGE, place_of(query))
    is_nowhere = which.identifier and not board.page.found
    bearers = visit.worklist.bearers(which.identifier) if is_nowhere else []
    kept, end = kept_of(query), board.page.end
    return {
        "stage": stage,
        "rows": rows(visit, board.page.found),
        "counts": board.counts.stages,
        "most_counted": MOST_COUNTED,
        "parked": board.counts.parked,
        "kept": kept,
        "filters": urlencode({name: value for name, value in kept.items() if name != IDENTIFIER}),
        "following": f"{end.due}-{end.task}" if end else "",
        "is_first": not query.get("after"),
        "bearers": [person_of(body, id) for id, body in bearers],
        "flags": rows(visit, board.flags),
    }


def rows(visit: Visit, found: Sequence[Waiting]) -> list[Row]:
    """Each referral in words."""
    now = visit.service.clock.now()
    return [_row(visit, one, now) for one in found]


def _row(visit: Visit, one: Waiting, now: datetime) -> Row:
    referral, brief = one.referral, one.brief
    shape, priority = words.priority(referral)
    due, sending = referral.due_at, one.sending
    is_waiting = referral.task_status in ("requested", "in-progress") or referral.is_unfulfilled
    is_overdue = bool(due and due < now and is_waiting)
    reason = words.reason(brief, flags_in(referral.decision)) if brief else ""
    is_unsent = referral.fulfillment_status == "draft"
    return Row(
        task=referral.task,
        person=person_of(one.person, one.patient),
        asks_for=words.TARGETS[referral.target or ""],
        region=referral.region or "",
        shape=shape,
        priority=priority,
        since=referral.authored_at,
        due=due,
        due_at=visit.moment(due),
        is_overdue=is_overdue,
        left=_left(due - now) if due and is_waiting else "",
        owner=words.person(referral.owner),
        status="waits for information" if _is_waiting(one.review) else _stands(referral),
        reason=fate.CAUSES.get(referral.decision, "") if referral.about else reason,
        missing=missing(brief) if brief and not referral.about else [],
        acknowledged=words.person(referral.acknowledged_by),
        trouble=fate.FAILURES.get(sending.category or "", "") if sending and is_unsent else "",
        is_order=referral.order is not None,
    )


class _Business(msgspec.Struct, frozen=True):
    text: str = ""


class _Review(msgspec.Struct, frozen=True, rename="camel"):
    business_status: _Business = _Business()


_review = msgspec.json.Decoder(_Review).decode


def _is_waiting(review: bytes | None) -> bool:
    """Whether somebody has asked for information."""
    return review is not None and _review(review).business_status.text == WAITING


def _stands(referral: Referral) -> str:
    """An order as it fares, else the review."""
    return fate.stands(referral) or words.STATUSES.get(referral.task_status, referral.task_status)


def _left(wait: timedelta) -> str:
    """How long until it is due, or how late it is, in the largest unit that tells enough."""
    minutes = int(abs(wait).total_seconds() // 60)
    if minutes < 120:
        said = f"{minutes} min"
    elif minutes < 48 * 60:
        said = f"{minutes // 60} h"
    else:
        said = f"{minutes // (24 * 60)} days"
    return f"{said} late" if wait < timedelta() else f"in {said}"


def file(visit: Visit, stage: Stage, query: Mapping[str, str]) -> Iterator[str]:
    """A whole list as CSV, page after page."""
    yield line(_HEADING)
    which, after = asked(visit, stage, query), None
    while True:
        found = visit.worklist.page(which, _PAGE_OF_FILE, after)
        for one in rows(visit, found.found):
            yield line(_cells(visit, stage, one))
        after = found.end
        if after is None:
            return


def _cells(visit: Visit, stage: Stage, one: Row) -> tuple[str, ...]:
    return (
        words.LISTS[stage].name, one.person.name, one.person.born, one.person.identifier, one.asks_for,
        one.region, one.priority, visit.moment(one.since), one.due_at,
        "yes" if one.is_overdue else "no", one.owner, one.status, one.trouble, one.reason,
        "; ".join(one.missing),
        f"/worklist/referral/{one.task}",
    )  # fmt: skip


def line(cells: Sequence[str]) -> str:
    """One line of CSV. What begins like a formula is run by spreadsheets, unless an apostrophe is first.

    Some part lines at semicolons and tabs as well.
    """
    safe = [_FORMULA.sub(r"\1'", " ".join(cell.split())) for cell in cells]
    written = io.StringIO()
    csv.writer(written).writerow(safe)
    return written.getvalue()
