"""What a notification asks for: which resources to fetch, whether to ask for all that has changed. Pure."""

from collections.abc import Callable
from typing import NamedTuple

from referral_service.fhir.notification import Event, Notification, Status
from referral_service.fhir.search.table import KINDS
from referral_service.workflow.admit import TASK

_EVENTS = ("event-notification", "query-event")
_BROKEN = ("error", "off")


class Wanted(NamedTuple):
    """`fetch` are "Type/id". `polls`: it does not say what happened. `passed_by`: of types not kept."""

    fetch: frozenset[str]
    polls: bool
    passed_by: int


class Count(NamedTuple):
    """How far a Subscription's events have come: what to remember, and whether some were missed."""

    total: int
    has_gap: bool


def wanted(notification: Notification, is_kept: Callable[[str], bool]) -> Wanted:
    """What must be fetched because the notification does not bring it; a patient's chart as a whole.

    A Task is asked for by itself, for it is of no chart, and so is whatever has no patient.
    """
    brought = {f"{one.resource['resourceType']}/{one.resource.get('id')}" for one in notification.resources}
    events = notification.status.events if notification.status else ()
    fetch: set[str] = set()
    passed_by = 0
    for event in events:
        if event.focus is None or event.focus not in brought:
            whats = _fetched_for(event, is_kept)
            fetch |= whats
            passed_by += not whats and event.focus is not None
    foci = {event.focus for event in events}
    others = [name for name in notification.named if name not in foci]
    fetch |= {name for name in others if is_kept(_kind(name))}
    passed_by += sum(not is_kept(_kind(name)) for name in others)
    return Wanted(frozenset(fetch), _is_silent(notification), passed_by)


def counted(status: Status, known: int | None) -> Count:
    """`known` is what was remembered of this Subscription; None: nothing yet, so that all before was missed.

    Some senders count anew in each notification: there the first event is always the first.
    """
    before, total = known or 0, status.total or 0
    if status.kind not in _EVENTS:
        if status.kind == "handshake" and total < before:
            before = 0  # it has begun anew
        return Count(max(total, before), total > before)
    if not status.numbers:
        return Count(before, has_gap=False)
    first, last = min(status.numbers), max(status.numbers)
    has_hole = last - first >= len(status.numbers)
    if first <= 1:
        return Count(max(last, total), has_hole)
    # The total may be ahead of what is told here: the rest is still to come.
    return Count(max(last, before), has_hole or first > before + 1)


def is_broken(status: Status) -> bool:
    """Whether the sender says that it could not, or does not, tell us everything."""
    return status.state in _BROKEN


def _fetched_for(event: Event, is_kept: Callable[[str], bool]) -> set[str]:
    if event.focus is None:
        return {event.patient} if event.patient else set()
    kind = _kind(event.focus)
    if not is_kept(kind):
        return set()
    if kind == TASK or event.patient is None:
        return {event.focus}
    return {event.patient} if KINDS[kind].patient else {event.patient, event.focus}


def _is_silent(notification: Notification) -> bool:
    """Whether something happened, and nothing says what."""
    status = notification.status
    if status is None or status.kind not in _EVENTS:
        return False
    if not status.events:
        return not (notification.resources or notification.named)
    bare = any(event.focus is None and event.patient is None for event in status.events)
    return bare and not (notification.resources or notification.named)


def _kind(name: str) -> str:
    return name.partition("/")[0]
