"""The lists: what stands on each, what is due first coming first, filtered and paged; and as CSV."""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from referral_service.api.errors import HttpProblem
from referral_service.api.worklist import words
from referral_service.api.worklist.person import Person, person_of
from referral_service.api.worklist.site import Site
from referral_service.core.explain import missing
from referral_service.core.stage import STAGES, Stage
from referral_service.store.worklist import Asked, Page, Place, Waiting

PAGE: Final = 25
_PAGE_OF_FILE: Final = 500
_FILTERS: Final = ("target", "region", "owner", "overdue", "identifier")
_HEADING: Final = (
    "list", "patient", "born", "identifier", "asks for", "region", "priority", "waits since", "due",
    "overdue", "owner", "reason", "missing", "address",
)  # fmt: skip


class Row(NamedTuple):
    """One referral on a list."""

    task: str
    person: Person
    asks_for: str
    region: str
    shape: str
    priority: str
    since: datetime | None
    due: datetime | None
    is_overdue: bool
    left: str
    owner: str
    status: str
    reason: str
    missing: list[str]
    acknowledged: str


def stage_of(name: str) -> Stage:
    """The list of that name; 404."""
    found: Stage | None = next((stage for stage in STAGES if stage == name), None)
    if found is None:
        raise HttpProblem(404, "not-found", "There is no such list.")
    return found


def asked(site: Site, stage: Stage, query: Mapping[str, str], actor: str) -> Asked:
    """A list with the filters of an address; what is no filter is passed by."""
    owner = {"me": actor, "nobody": ""}.get(query.get("owner", ""))
    if stage == "red-flag":
        return Asked(stage)  # no filter ever hides a red flag
    return Asked(
        stage,
        target=query.get("target", ""),
        region=query.get("region", ""),
        owner=owner,
        overdue_at=site.service.clock.now() if query.get("overdue") else None,
        identifier=query.get("identifier", "").strip(),
    )


def place_of(query: Mapping[str, str]) -> Place | None:
    """Where the page before ended; 400 for what is no place."""
    said = query.get("after", "")
    if not said:
        return None
    due, _, task = said.partition("-")
    if not due.isdecimal() or len(due) > 18 or not task:
        raise HttpProblem(400, "value", "after: not a place in a list.")
    return Place(int(due), task)


def page(site: Site, stage: Stage, query: Mapping[str, str], actor: str) -> dict[str, Any]:
    """What list.html shows."""
    found = site.worklist.page(asked(site, stage, query, actor), PAGE, place_of(query))
    kept = {name: query[name] for name in _FILTERS if query.get(name)}
    following = f"?{urlencode({**kept, 'after': f'{found.end.due}-{found.end.task}'})}" if found.end else ""
    return {
        "stage": stage,
        "rows": rows(site, found),
        "counts": site.worklist.counts(),
        "parked": site.worklist.parked(),
        "kept": kept,
        "query": f"?{urlencode(kept)}" if kept else "",
        "following": following,
        "is_first": not query.get("after"),
        "flags": rows(site, site.worklist.page(Asked("red-flag"), PAGE)) if stage != "red-flag" else [],
    }


def rows(site: Site, found: Page) -> list[Row]:
    """Each referral of a page in words."""
    scores = site.worklist.scores(found.found)
    now = site.service.clock.now()
    return [row(one, scores.get(one.referral.task, []), now, today(site)) for one in found.found]


def today(site: Site) -> date:
    """The day that questions are asked for."""
    return site.service.clock.as_of().astimezone(site.zone).date()


def row(one: Waiting, scores: list[Any], now: datetime, day: date) -> Row:
    """One referral in words."""
    referral, decision = one.referral, one.episode.decision if one.episode else None
    shape, priority = words.priority(referral)
    due = referral.due_at
    is_waiting = (
        referral.task_status in ("requested", "in-progress") or referral.fulfillment_status == "draft"
    )
    is_overdue = bool(due and due < now and is_waiting)
    return Row(
        task=referral.task,
        person=person_of(one.person, one.patient),
        asks_for=words.TARGETS[referral.target or ""],
        region=referral.region or "",
        shape=shape,
        priority=priority,
        since=referral.authored_at,
        due=due,
        is_overdue=is_overdue,
        left=_left(due - now) if due and is_waiting else "",
        owner=words.person(referral.owner),
        status=words.STATUSES.get(referral.task_status, referral.task_status),
        reason=words.reason(decision, scores) if decision else "",
        missing=missing(decision) if decision else [],
        acknowledged=words.person(referral.acknowledged_by),
    )


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


def file(site: Site, stage: Stage, query: Mapping[str, str], actor: str) -> Iterator[str]:
    """A whole list as CSV, page after page."""
    yield _line(_HEADING)
    which, after = asked(site, stage, query, actor), None
    while True:
        found = site.worklist.page(which, _PAGE_OF_FILE, after)
        for one in rows(site, found):
            yield _line(_cells(site, stage, one))
        after = found.end
        if after is None:
            return


def _cells(site: Site, stage: Stage, one: Row) -> tuple[str, ...]:
    return (
        words.LISTS[stage].name, one.person.name, one.person.born, one.person.identifier, one.asks_for,
        one.region, one.priority, site.moment(one.since), site.moment(one.due),
        "yes" if one.is_overdue else "no", one.owner, one.reason, "; ".join(one.missing),
        f"/worklist/referral/{one.task}",
    )  # fmt: skip


def _line(cells: tuple[str, ...]) -> str:
    """A spreadsheet runs what begins like a formula; an apostrophe before it makes it a text."""
    safe = [f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell for cell in cells]
    line = io.StringIO()
    csv.writer(line).writerow(safe)
    return line.getvalue()
