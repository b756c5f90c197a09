"""A partner's Subscription: what it asks for, and every part of it that this service cannot do. Pure.

Sources: R4 Subscription; Subscriptions R5 Backport, STU 1.1 (payload content, heartbeat, timeout, count).
The resource has passed `fhir.check` before.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from referral_service.core.problem import Category, Issue, Problem
from referral_service.fhir.search.query import Query
from referral_service.fhir.search.query import parse as understand
from referral_service.fhir.search.table import KINDS

Json = dict[str, Any]
TOLD_OF: Final = ("ServiceRequest", "Task")
BACKPORT: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
_CONTENT: Final = f"{BACKPORT}/backport-payload-content"
_FILTER: Final = f"{BACKPORT}/backport-filter-criteria"
_CUSTOM: Final = f"{BACKPORT}/backport-channel-type"
_HEARTBEAT: Final = f"{BACKPORT}/backport-heartbeat-period"
_TIMEOUT: Final = f"{BACKPORT}/backport-timeout"
_COUNT: Final = f"{BACKPORT}/backport-max-count"
LONGEST_SECONDS: Final = 15
MOST_EVENTS: Final = 100
_SHORTEST_HEARTBEAT: Final = 10
_MOST_HEADERS: Final = 20
_LINE: Final = re.compile(
    r"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}):[ \t]*([\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)"
)
_LONGEST_LINE: Final = 4096
# Of one connection alone (RFC 9110, 7.6.1), or of the request that the service itself makes.
_NOT_THEIRS: Final = frozenset(
    (
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
        *("te", "trailer", "transfer-encoding", "upgrade", "http2-settings", "expect"),
        *("host", "content-length", "content-type", "content-encoding", "accept-encoding", "user-agent"),
    )
)
# What a search has beside its tests; a resource passes or does not.
_NO_TESTS: Final = frozenset({"_count", "_sort", "_include", "_revinclude", "_format", "_pretty", "_summary"})


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """Of what to tell (the resources that `query` finds), whom, how, and until when.

    `is_backport`: with Bundles of ids, at most `most` events in each; else with empty POSTs. `heartbeat` and
    `timeout` are in seconds; a `heartbeat` of 0 is none.
    """

    query: Query
    endpoint: str
    headers: tuple[tuple[str, str], ...]
    is_backport: bool
    heartbeat: int
    timeout: int
    most: int
    end: datetime | None

    def __repr__(self) -> str:
        """Nothing of it: a header may be secret."""
        return "Hook(...)"


def read(subscription: Json, as_of: datetime, path: str = "Subscription") -> Hook:
    """What it comes to; raises Problem REFUSED, an issue a fault, at FHIRPaths below `path`.

    `as_of` serves a search's "approximately" alone.
    """
    reading = _Reading(subscription, path)
    hook = reading.hook(as_of)
    if hook is None or reading.issues:
        raise Problem(Category.REFUSED, *reading.issues)
    return hook


class _Reading:
    """Reads one, and collects what is wrong with it."""

    def __init__(self, subscription: Json, path: str) -> None:
        self._all = subscription
        self._channel: Json = subscription["channel"]
        self._path = path
        self.issues: list[Issue] = []

    def hook(self, as_of: datetime) -> Hook | None:
        """None only if there are issues."""
        query = self._query(as_of)
        self._type()
        is_backport = self._payload()
        if not self._channel.get("endpoint"):
            self._wrong("channel.endpoint", "A rest-hook needs an endpoint.")
        heartbeat = self._number(_HEARTBEAT, "valueUnsignedInt", 0)
        if heartbeat and not is_backport:
            self._wrong("channel.extension", "A heartbeat needs the payload content id-only.")
        elif 0 < heartbeat < _SHORTEST_HEARTBEAT:
            self._wrong(
                "channel.extension", f"A heartbeat comes every {_SHORTEST_HEARTBEAT} seconds at most."
            )
        headers = tuple(self._headers())
        end = self._all.get("end")
        if query is None:
            return None
        return Hook(
            query=query,
            endpoint=self._channel.get("endpoint", ""),
            headers=headers,
            is_backport=is_backport,
            heartbeat=heartbeat,
            timeout=max(min(self._number(_TIMEOUT, "valueUnsignedInt", LONGEST_SECONDS), LONGEST_SECONDS), 1),
            most=min(self._number(_COUNT, "valuePositiveInt", MOST_EVENTS), MOST_EVENTS),
            # a leap second is legal in FHIR; the clock of datetime has none
            end=datetime.fromisoformat(end.replace(":60", ":59")) if end else None,
        )

    def _query(self, as_of: datetime) -> Query | None:
        if _extensions(self._all, "_criteria", _FILTER):
            self._wrong("criteria.extension", "There are no topics here: the criteria are the filter.")
        kind, _, asked = self._all.get("criteria", "").partition("?")
        if kind not in TOLD_OF:
            self._wrong("criteria", "Not a search of ServiceRequest or Task, such as Task?status=requested.")
            return None
        parameters = parse_qsl(asked, keep_blank_values=True)
        if any(name in _NO_TESTS for name, _ in parameters) or not all(value for _, value in parameters):
            self._wrong("criteria", "Only search parameters with a value, and no _count, _sort or _include.")
            return None
        try:
            return understand(KINDS[kind], parameters, as_of=as_of, is_strict=True)
        except Problem as error:
            for issue in error.issues:
                self._wrong("criteria", issue.diagnostics)
            return None

    def _type(self) -> None:
        custom = _extensions(self._channel, "_type", _CUSTOM)
        if self._channel.get("type") != "rest-hook" or custom:
            self._wrong("channel.type", "Only rest-hook is supported.")

    def _payload(self) -> bool:
        """Whether notifications are Bundles."""
        if self._channel.get("payload", "application/fhir+json") != "application/fhir+json":
            self._wrong("channel.payload", "Only application/fhir+json, or no payload.")
        content = _extensions(self._channel, "_payload", _CONTENT)
        if any(one.get("valueCode") != "id-only" for one in content):
            self._wrong(
                "channel.payload.extension", "Only the payload content id-only: resources are not sent."
            )
        return bool(content)

    def _number(self, url: str, value: str, otherwise: int) -> int:
        """An extension of the channel; if it is not a number, that is said."""
        found = [one.get(value) for one in self._channel.get("extension", ()) if one.get("url") == url]
        if not found:
            return otherwise
        if len(found) > 1 or type(found[0]) is not int:
            self._wrong("channel.extension", f"One {value} for each of the Backport's extensions.")
            return otherwise
        return int(found[0])

    def _headers(self) -> Iterator[tuple[str, str]]:
        lines = self._channel.get("header", [])
        if len(lines) > _MOST_HEADERS:
            self._wrong("channel.header", f"More than {_MOST_HEADERS} headers.")
            return
        names = set()
        for number, line in enumerate(lines):
            where = f"channel.header[{number}]"
            form = _LINE.fullmatch(line) if isinstance(line, str) and len(line) <= _LONGEST_LINE else None
            if form is None:
                self._wrong(where, "Not a header in one line of ASCII, such as Authorization: Bearer TOKEN.")
                continue
            name, value = form.groups()
            if name.lower() in _NOT_THEIRS:
                self._wrong(where, "This header is not a Subscription's to say.")
            elif name.lower() in names:
                self._wrong(where, "This header is said twice.")
            names.add(name.lower())
            yield name, value

    def _wrong(self, where: str, sentence: str) -> None:
        self.issues.append(Issue("business-rule", sentence, f"{self._path}.{where}"))


def _extensions(holder: Json, element: str, url: str) -> list[Json]:
    """The extensions of that URL on a primitive element, by its name with the underscore."""
    beside = holder.get(element) or {}
    return [one for one in beside.get("extension", ()) if one.get("url") == url]
