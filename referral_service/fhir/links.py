"""The places in a resource from which something else may be pointed at; pure."""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from referral_service.fhir.bundle import Entry

NARRATIVE: Final = "div"
# References, and R4's elements of type uri or url that may point at another entry. Canonicals, and systems of
# codes and identifiers, name no entry. R4 has uuid and oid here too, but Type/id would be neither.
_LINKING: Final = frozenset(
    {
        NARRATIVE,
        "reference",
        "url",
        "uri",
        "source",
        "authority",
        "definition",
        "implicitRules",
        "instantiatesUri",
        "valueUri",
        "valueUrl",
    }
)
_NESTED: Final = (dict, list)
# A comment and a CDATA section are passed by whole. Whatever the markup, no character is looked at often.
_TAG = re.compile(
    r"""<!--.*?-->|<!\[CDATA\[.*?\]\]>|<[A-Za-z](?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+>""", re.DOTALL
)
_ATTRIBUTE = re.compile(r"""(?<=\s)([^\s=<>"'/]++\s*+=\s*+)("[^"]*+"|'[^']*+')""")
_TYPE_AND_ID = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")


class Link(NamedTuple):
    """One string that may point at another entry: what holds it, its key there, and the entry it is in."""

    holder: Any
    key: Any
    entry: Entry


def links(entries: Iterable[Entry]) -> list[Link]:
    """Every place in the resources to be written from which another entry may be pointed at."""
    return [
        Link(holder, key, entry)
        for entry in entries
        if entry.resource is not None and not entry.is_passed_by
        for holder, key in places(entry.resource)
    ]


def named_by_id(entries: Iterable[Entry]) -> set[tuple[str, str]]:
    """Type and id by which written entries are pointed at, where their own identity is another."""
    named = {
        entry.full_url
        for entry in entries
        if entry.resource is not None
        and not entry.is_passed_by
        and entry.full_url != f"{entry.type}/{entry.id}"
    }
    return {(found[1], found[2]) for name in named if (found := _TYPE_AND_ID.fullmatch(name))}


def relinked(narrative: str, meant: Callable[[str], str]) -> str:
    """A narrative whose links are what `meant` makes of them; its text, and other attributes, stay."""

    def attribute(found: re.Match[str]) -> str:
        name, quote, value = found[1], found[2][0], found[2][1:-1]
        is_link = name.rstrip("= \t\r\n") in ("href", "src")
        return f"{name}{quote}{meant(value) if is_link else value}{quote}"

    def tag(found: re.Match[str]) -> str:
        return found[0] if found[0].startswith("<!") else _ATTRIBUTE.sub(attribute, found[0])

    return _TAG.sub(tag, narrative)


def places(resource: dict[str, Any]) -> list[tuple[Any, Any]]:
    """What holds each such string, and its key there; the resource need not be valid."""
    found: list[tuple[Any, Any]] = []
    _collect(resource, "", found)
    return found


def _collect(value: Any, name: str, found: list[tuple[Any, Any]]) -> None:
    """`name` is that of the element which an array is the value of."""
    is_object = type(value) is dict
    inside: Iterable[tuple[Any, Any]] = value.items() if is_object else enumerate(value)
    for key, item in inside:
        kind = type(item)
        if kind is str:
            if (key if is_object else name) in _LINKING:
                found.append((value, key))
        elif kind is dict or kind is list:
            _collect(item, key if is_object else name, found)


def paths(resource: dict[str, Any], path: str, holders: Iterable[Any]) -> dict[int, str]:
    """Where in a resource, itself at `path`, these of its objects stand, by their id()."""
    wanted = set(map(id, holders))
    found: dict[int, str] = {}

    def walk(value: Any, here: str) -> None:
        if id(value) in wanted:
            found[id(value)] = here
        steps = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in steps:
            if isinstance(item, _NESTED):
                walk(item, f"{here}.{key}" if isinstance(value, dict) else f"{here}[{key}]")

    walk(resource, path)
    return found
