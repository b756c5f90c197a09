"""Announce: partners who subscribed are told which ServiceRequests and Tasks have changed, and nothing more.

What has changed is read from the ledger, line by line: how far a subscriber has been told is kept after it
has been. So a process that dies in between repeats a notification, and loses none. No transaction is open
while the other side is asked.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import uniform
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from msgspec.structs import replace

from referral_service.core.problem import Category, Problem, problem
from referral_service.fhir.parse import dump, parse
from referral_service.fhir.search.query import Query
from referral_service.fhir.subscription import Hook, read
from referral_service.fhir.write.names import instant
from referral_service.fhir.write.notification import Event, Kind, Occasion, notification
from referral_service.workflow.ingest import terms
from referral_service.workflow.ports import Clock, Happening, Stored, Tenant, Write

Json = dict[str, Any]
ACTOR: Final = "Device/referral-service"
# With the waits between them: within a day.
MOST_ATTEMPTS: Final = 20
_LONGEST_WAIT: Final = timedelta(hours=1)
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


class Outing(msgspec.Struct, frozen=True, kw_only=True):
    """A Subscription that this process alone serves, until its lease ends; `attempts` counts this one too.

    All is told up to the ledger's line `seq`, in `sent` events. `due_at` is when it was to be looked at.
    """

    tenant: Tenant
    id: str
    seq: int
    sent: int
    token: int
    attempts: int
    due_at: datetime


class Changed(NamedTuple):
    """A resource to tell of, "Type/id", stored at `at`; `seq` is the last line that may speak of it."""

    seq: int
    focus: str
    at: datetime


class News(NamedTuple):
    """What to tell, in order; then all is told up to line `seq`, and `is_all` that there is."""

    changes: Sequence[Changed]
    seq: int
    is_all: bool


class Turned(NamedTuple):
    """A Subscription that the service itself gives another status."""

    write: Write
    happening: Happening


class Call(NamedTuple):
    """One POST; `timeout` in seconds."""

    endpoint: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    timeout: float


class Outlets(Protocol):
    """The part of the store that keeps who is told what. Each method is one transaction.

    Those that return a bool say whether the lease still holds; else nothing was kept.
    """

    def claim(self) -> Outing | None:
        """One that has something to be told, or to be looked at."""

    def subscription(self, outing: Outing) -> Stored | None:
        """It as it stands."""

    def news(self, outing: Outing, query: Query) -> News:
        """What is next to be told."""

    def hold(self, outing: Outing) -> bool:
        """Keeps how far it has come, and the lease for as long again."""

    def let_go(self, outing: Outing, until: datetime, category: str | None = None) -> bool:
        """The same, and nobody looks before `until`; without a category sooner, if there is something new."""

    def turn(self, outing: Outing, turned: Turned, until: datetime | None) -> bool:
        """Keeps its new status: with `until` as above, else nobody looks any more; CONFLICT if it changed."""

    def forget(self, outing: Outing, turned: Turned | None = None) -> bool:
        """It is over; CONFLICT if it changed."""


class Post(Protocol):
    """The way to subscribers."""

    def refusal(self, endpoint: str) -> str:
        """Why no notification goes there; "" if it may."""

    def send(self, call: Call) -> None:
        """Once; raises Problem unless it was taken."""


class Announce:
    """The verb, over its ports; safe for several threads."""

    def __init__(self, outlets: Outlets, post: Post, clock: Clock, base: str) -> None:
        """`base` is the address of /fhir, as clients reach it."""
        self._outlets = outlets
        self._post = post
        self._clock = clock
        self._base = base

    def claim(self) -> Outing | None:
        """One to be looked at."""
        return self._outlets.claim()

    def run(self, outing: Outing, goes_on: Callable[[], bool] = lambda: True) -> str:
        """Does what is next: how it ended. While `goes_on`, it tells all there is.

        quiet, told, active, over, lost, or the category of what went wrong.
        """
        kept = self._outlets.subscription(outing)
        if kept is None or kept.is_deleted:
            return self._ended("over", self._outlets.forget(outing))
        subscription = parse(kept.body)
        if subscription.get("status") not in ("requested", "active"):
            return self._ended("over", self._outlets.forget(outing))
        try:
            return self._serve(outing, kept, subscription, goes_on)
        except Problem as late:
            if late.category is not Category.CONFLICT:
                raise
            # its owner changed it meanwhile: the next look sees what it has become
            return self._ended("quiet", self._outlets.let_go(outing, self._clock.now()))

    def _serve(self, outing: Outing, kept: Stored, said: Json, goes_on: Callable[[], bool]) -> str:
        now = self._clock.now()
        try:
            hook = read(said, now)
            if refusal := self._post.refusal(hook.endpoint):
                raise problem(Category.REFUSED, refusal)
            if outing.attempts > MOST_ATTEMPTS:
                raise problem(Category.FAULT, "Whoever tried to tell it came to an end.")
        except Problem as error:
            return self._give_up(outing, kept, error)
        if hook.end and hook.end <= now:
            turned = _turned(kept, {**said, "status": "off"}, "subscription-ended")
            return self._ended("over", self._outlets.forget(outing, turned))
        if said["status"] == "requested":
            return self._begin(outing, kept, said, hook)
        try:
            return self._tell(outing, hook, goes_on)
        except _Failed as failed:
            if failed.outing.attempts >= MOST_ATTEMPTS:
                return self._give_up(failed.outing, kept, failed.error)
            return self._put_off(failed.outing, failed.error)

    def _begin(self, outing: Outing, kept: Stored, said: Json, hook: Hook) -> str:
        """Active once the endpoint has taken the handshake; whom an empty POST is enough needs none."""
        if hook.is_backport:
            try:
                self._send(outing, hook, "handshake", status="requested")
            except _Failed as failed:
                # so the Backport wants it: its owner has to know, and asks again
                return self._give_up(failed.outing, kept, failed.error)
        said = {name: value for name, value in said.items() if name not in ("error", "_error")}
        turned = _turned(kept, {**said, "status": "active"}, "subscription-begun")
        return self._ended("active", self._outlets.turn(outing, turned, self._next(hook)))

    def _tell(self, outing: Outing, hook: Hook, goes_on: Callable[[], bool]) -> str:
        is_due = outing.due_at <= self._clock.now()
        has_told = False
        while True:
            news = self._outlets.news(outing, hook.query)
            for changes, seq in _portions(news, hook.most if hook.is_backport else len(news.changes)):
                events = [Event(one.focus, one.at) for one in changes]
                outing = self._send(outing, hook, "event-notification", events)
                outing = replace(outing, seq=seq, attempts=1)
                has_told = True
            outing = replace(outing, seq=news.seq)
            if news.is_all or not goes_on():
                break
            if not self._outlets.hold(outing):
                return "lost"
        if not has_told and is_due and hook.heartbeat:
            outing = self._send(outing, hook, "heartbeat")
            has_told = True
        until = self._next(hook) if has_told or is_due else outing.due_at
        return self._ended("told" if has_told else "quiet", self._outlets.let_go(outing, until))

    def _send(
        self, outing: Outing, hook: Hook, kind: Kind, events: Sequence[Event] = (), status: str = "active"
    ) -> Outing:
        """The outing after it; raises _Failed with the outing as it is then.

        The numbers of the events are kept before they are sent: no number ever means two events.
        """
        body = b""
        after = outing
        if hook.is_backport:
            occasion = Occasion(self._base, outing.id, status, outing.sent, self._clock.now())
            body = dump(notification(kind, occasion, events))
            after = replace(outing, sent=outing.sent + len(events))
        if not self._outlets.hold(after):
            raise _Failed(outing, problem(Category.CONFLICT, "The lease is another's by now."))
        try:
            self._post.send(Call(hook.endpoint, hook.headers, body, hook.timeout))
        except Problem as error:
            has_arrived = error.category is Category.INTERRUPTED
            raise _Failed(after if has_arrived else outing, error) from error
        return after

    def _next(self, hook: Hook) -> datetime:
        """When it is to be looked at though nothing changes."""
        now = self._clock.now()
        beat = now + timedelta(seconds=hook.heartbeat) if hook.heartbeat else _NEVER
        return min(beat, hook.end or _NEVER)

    def _put_off(self, outing: Outing, error: Problem) -> str:
        # the jitter keeps those that failed together from coming back together
        wait = timedelta(seconds=2**outing.attempts * uniform(0.5, 1.0))  # noqa: S311 - no secret
        if error.wait_seconds is not None:
            wait = max(wait, timedelta(seconds=error.wait_seconds))
        name = error.category.name.lower()
        until = self._clock.now() + min(wait, _LONGEST_WAIT)
        return self._ended(name, self._outlets.let_go(outing, until, name))

    def _give_up(self, outing: Outing, kept: Stored, error: Problem) -> str:
        """Status `error`, until its owner requests it again; then it goes on where it has ended."""
        tries = f" after {outing.attempts} attempts" if outing.attempts > 1 else ""
        text = f"{instant(self._clock.now())}: given up{tries}. {error.issues[0].diagnostics}"
        turned = _turned(kept, {**parse(kept.body), "status": "error", "error": text}, "subscription-failed")
        return self._ended(error.category.name.lower(), self._outlets.turn(outing, turned, None))

    @staticmethod
    def _ended(said: str, is_kept: bool) -> str:
        return said if is_kept else "lost"


class _Failed(Exception):
    """A notification was not taken; the outing says how far all had come."""

    def __init__(self, outing: Outing, error: Problem) -> None:
        super().__init__()
        self.outing = outing
        self.error = error


def _portions(news: News, most: int) -> Iterator[tuple[Sequence[Changed], int]]:
    """The changes, so many at a time at most; with the line up to which all is told then."""
    for start in range(0, len(news.changes), most or 1):
        rest = news.changes[start + most :]
        yield news.changes[start : start + most], rest[0].seq - 1 if rest else news.seq


def _turned(kept: Stored, subscription: Json, kind: str) -> Turned:
    write = Write(
        type="Subscription",
        id=kept.id,
        body=dump(subscription),
        terms=terms(subscription),
        expected=kept.version,
        is_posted=kept.is_posted,
    )
    return Turned(write, Happening(kind, f"Subscription/{kept.id}", ACTOR))
