"""An EHR whose pages are counted from the beginning, each time anew: they shift while others write.

Many servers page so. This one also sorts, says that it does and does not, or refuses to, as a test wants it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode, urlsplit

from referral_service.fhir.parse import dump
from referral_service.fhir.search.dates import span
from tests.ehr.other_side import Talk, other_side, says

Json = dict[str, Any]
START = datetime(2025, 6, 1, 8, tzinfo=UTC)


@dataclass
class OffsetEhr:
    """`now` is its clock, which each write moves on by `tick`. `on_search` runs before each answer.

    `falls_short`: what was found comes with an error, and without the last of it.
    `sorts`: as asked; or passes the wish by; or says in its link that it did, and does not; or refuses it.
    """

    sorts: Literal["yes", "ignores", "lies", "refuses"] = "yes"
    largest_page: int = 200
    tick: timedelta = timedelta(seconds=1)
    now: datetime = START
    down: int = 0
    falls_short: bool = False
    on_search: Callable[[int], None] = lambda number: None
    address: str = ""
    searches: list[dict[str, str]] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    there: dict[str, Json] = field(default_factory=dict)
    times: dict[str, datetime] = field(default_factory=dict)

    def put(self, resource: Json) -> None:
        """Somebody there writes."""
        self.now += self.tick
        name = f"{resource['resourceType']}/{resource['id']}"
        updated = self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.there[name] = {**resource, "meta": {"lastUpdated": updated}}
        self.times[name] = self.now

    def answer(self, talk: Talk) -> None:
        """One request."""
        address = urlsplit(talk.path)
        parts = address.path.removeprefix("/fhir/").split("/")
        if self.down:
            says(self.down, b"<html>gone fishing</html>", Content_Type="text/html")(talk)
        elif len(parts) == 2:
            self.reads.append("/".join(parts))
            found = self.there.get("/".join(parts))
            self._say(talk, *((200, found) if found else (404, _outcome("not-found"))))
        else:
            asked = {name: values[-1] for name, values in parse_qs(address.query).items()}
            self.searches.append({"type": parts[0], **asked})
            self.on_search(len(self.searches))
            self._search(talk, parts[0], asked)

    def _search(self, talk: Talk, kind: str, asked: dict[str, str]) -> None:
        if "_sort" in asked and self.sorts == "refuses":
            self._say(talk, 400, _outcome("not-supported"))
            return
        since = span(asked.get("_lastUpdated", "ge2000").removeprefix("ge"))
        assert since
        names = [name for name, at in self.times.items() if at >= since.start and name in self.there]
        if "_sort" in asked and self.sorts == "yes":
            names.sort(key=lambda name: (self.times[name], name))
        found = [self.there[name] for name in names if _is_meant(self.there[name], kind, asked)]
        size = min(int(asked.get("_count", "20")), self.largest_page)
        start = int(asked.get("_offset", "0"))
        used = {it: value for it, value in asked.items() if it != "_sort" or self.sorts in ("yes", "lies")}
        links = [{"relation": "self", "url": self._link(kind, used)}]
        if start + size < len(found):
            links.append(
                {"relation": "next", "url": self._link(kind, {**asked, "_offset": str(start + size)})}
            )
        entries = [{"resource": one, "search": {"mode": "match"}} for one in found[start : start + size]]
        if self.falls_short:
            entries[-1:] = [{"resource": _outcome("exception"), "search": {"mode": "outcome"}}]
        bundle: Json = {"resourceType": "Bundle", "type": "searchset", "link": links}
        self._say(talk, 200, {**bundle, "entry": entries} if entries else bundle)

    def _link(self, kind: str, asked: dict[str, str]) -> str:
        return f"{self.address}/{kind}?{urlencode(asked)}"

    def _say(self, talk: Talk, status: int, resource: Json) -> None:
        says(status, dump(resource), Content_Type="application/fhir+json")(talk)


def _is_meant(one: Json, kind: str, asked: dict[str, str]) -> bool:
    subject = one.get("subject", {}).get("reference")
    return (
        one["resourceType"] == kind
        and asked.get("_id", one["id"]) == one["id"]
        and asked.get("patient", subject) == subject
    )


def _outcome(code: str) -> Json:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]}


@contextmanager
def offset_ehr(**manners: Any) -> Iterator[OffsetEhr]:
    """Served while the block lasts."""
    ehr = OffsetEhr(**manners)
    with other_side(ehr.answer) as side:
        ehr.address = side.fhir
        yield ehr
