"""Search results in pages: what was found is kept, so that `next` stays right whatever changes meanwhile."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from referral_service.fake_ehr.answer import Refused
from referral_service.fake_ehr.store import Version

Json = dict[str, Any]
_KEPT: Final = 1000


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A search's result: all matches, the page's size, and what comes along with the matches of a page."""

    matches: Sequence[Version]
    size: int
    along: Callable[[Sequence[Version]], Sequence[Version]] = lambda matches: ()


class Pages:
    """The last results that have a further page; older ones are forgotten, and their links are 410."""

    def __init__(self, mint: Callable[[], str]) -> None:
        """`mint` gives a name that nobody guesses from another."""
        self._mint = mint
        self._kept: OrderedDict[str, Found] = OrderedDict()

    def first(self, found: Found, base: str, url: str, asked: Sequence[tuple[str, str]]) -> Json:
        """The first page; `url` and `asked` make its link `self`."""
        name = ""
        if len(found.matches) > found.size:
            name = self._mint()
            self._kept[name] = found
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        own = f"{url}?{urlencode(asked)}" if asked else url
        return _page(found, 0, base, own, name)

    def next(self, token: str, base: str) -> Json:
        """The page that a link of ours leads to; raises Refused (410) if it is forgotten."""
        name, _, start = token.rpartition("-")
        found = self._kept.get(name)
        if found is None or not start.isdigit():
            raise Refused(410, "not-found", "This page is no longer kept: search again.")
        return _page(found, int(start), base, f"{base}?_page={token}", name)


def counted(number: int, url: str) -> Json:
    """A result without its matches."""
    return _bundle(number, [{"relation": "self", "url": url}], [])


def _page(found: Found, start: int, base: str, own: str, name: str) -> Json:
    shown = found.matches[start : start + found.size]
    links = [{"relation": "self", "url": own}]
    if start + found.size < len(found.matches):
        links.append({"relation": "next", "url": f"{base}?_page={name}-{start + found.size}"})
    entries = [_entry(one, base, "match") for one in shown]
    entries += [_entry(one, base, "include") for one in found.along(shown)]
    return _bundle(len(found.matches), links, entries)


def _entry(version: Version, base: str, mode: str) -> Json:
    return {"fullUrl": f"{base}/{version.name}", "resource": version.resource, "search": {"mode": mode}}


def _bundle(total: int, links: list[Json], entries: list[Json]) -> Json:
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": total, "link": links}
    return {**bundle, "entry": entries} if entries else bundle
