"""Saved views: lists with filters under names of one's own, kept in a cookie of that person's browser.

They hold no patient's identifier. What a cookie says is checked as an address would be: whoever forges their
own sees a list that they could have asked for.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

from referral_service.api.worklist.lists import IN_ADDRESS
from referral_service.core.stage import STAGES

MOST: Final = 10
LONGEST: Final = 40
_LONGEST_FILTER: Final = 12


class View(NamedTuple):
    """A name, and the list that it stands for."""

    name: str
    stage: str
    filters: tuple[tuple[str, str], ...]

    @property
    def address(self) -> str:
        """Where it leads."""
        query = urlencode(self.filters)
        return f"/worklist/list/{self.stage}{query and f'?{query}'}"


def cookie_of(actor: str) -> str:
    """The name of the cookie: several people may share a browser."""
    return f"worklist-views-{sha256(actor.encode()).hexdigest()[:12]}"


def read(said: str) -> list[View]:
    """The views of a cookie; what is none is passed by."""
    try:
        found = json.loads(urlsafe_b64decode(said.encode()))
    except ValueError:
        return []
    views = (_checked(one) for one in (found if isinstance(found, list) else ())[:MOST])
    return [one for one in views if one]


def written(views: Sequence[View]) -> str:
    """The cookie's value; below the 4096 bytes that browsers keep."""
    said = [[one.name, one.stage, urlencode(one.filters)] for one in views]
    return urlsafe_b64encode(json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()).decode()


def saved(views: Sequence[View], form: Mapping[str, str]) -> list[View] | str:
    """With the view that a form asks to keep, in the place of one of its name; or why not."""
    name = " ".join(form.get("name", "").split())
    one = _checked([name, form.get("stage", ""), form.get("filters", "")])
    if one is None:
        return f"Give the view a name of at most {LONGEST} characters."
    others = [it for it in views if it.name != name]
    return [*others, one] if len(others) < MOST else f"There are {MOST} views; remove one first."


def filters_of(query: str) -> dict[str, str]:
    """The filters of an address that may be kept."""
    return dict(_filters(query))


def _filters(query: str) -> list[tuple[str, str]]:
    return [(key, value) for key, value in parse_qsl(query) if key in IN_ADDRESS and _is_plain(value)]


def _checked(said: object) -> View | None:
    if not (isinstance(said, list) and len(said) == 3 and all(isinstance(it, str) for it in said)):
        return None
    name, stage, query = said
    if not 0 < len(name) <= LONGEST or stage not in STAGES:
        return None
    return View(name, stage, tuple(_filters(query)))


def _is_plain(value: str) -> bool:
    return value.isascii() and value.isalnum() and len(value) <= _LONGEST_FILTER
