"""Narrative.div: well-formed XHTML in one div, with something to see in it and nothing that acts.

Source: R4 txt-1, txt-2 and https://hl7.org/fhir/R4/narrative.html#xhtml: the elements are those of
HTML 4.0's chapters 7 to 11, but for 9.4, and 15, with links and images. Untidy but harmless markup passes: a
missing namespace, HTML entities, formatting that chapter 15 deprecates.
"""

import re
from typing import Any
from xml.parsers import expat

from referral_service.fhir.findings import NULL, Found, Scope, finding

_XHTML = "http://www.w3.org/1999/xhtml"
_ELEMENTS = (
    "div span h1 h2 h3 h4 h5 h6 address bdo em strong dfn code samp kbd var cite abbr acronym blockquote q"
    " sub sup p br pre ul ol li dl dt dd dir menu table caption thead tfoot tbody colgroup col tr th td tt i"
    " b big small strike s u font basefont center hr a img map area"
)
_ALLOWED = frozenset(_ELEMENTS.split())
# Attributes that hold an address; and the schemes of what is no address, but acts or may.
_ADDRESSES = frozenset({"href", "src", "cite", "longdesc", "background"})
_ACTING = re.compile(r"(?:javascript|vbscript|data(?!:image/)):", re.IGNORECASE)
# Browsers pass these by in an address.
_BLANK = re.compile(r"[\x00-\x20]+")
# Nothing but comments comes before the div: no document type, and so no entity bomb.
_BEGINNING = re.compile(r"\s*(?:(?><!--.*?-->)\s*)*+<div", re.DOTALL)
_NOT_TEXT = finding("structure", "Must be a JSON string.")
_NOT_A_DIV = finding("invariant", "txt-1: the narrative must be one XHTML div.")
_MALFORMED = finding("structure", "The narrative is not well-formed XHTML.")
_ACTIVE = finding("invariant", "txt-1: the narrative holds markup that R4 forbids.")
_NOTHING_TO_SEE = finding("invariant", "txt-2: the narrative must have some content.")


class _Reader:
    """Notes, while the markup is read, what is forbidden and whether anything can be seen."""

    def __init__(self) -> None:
        self.root = ""
        self.forbidden = False
        self.visible = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.root = self.root or name
        tag = name.lower()
        self.visible = self.visible or tag == "img"
        if tag not in _ALLOWED or any(map(_is_forbidden, attributes.keys(), attributes.values())):
            self.forbidden = True

    def text(self, data: str) -> None:
        self.visible = self.visible or bool(data.strip())

    def entity(self, *_: Any) -> None:
        self.visible = True

    def instruction(self, *_: Any) -> None:
        self.forbidden = True


def _is_forbidden(attribute: str, value: str) -> bool:
    """Whether an attribute acts, is of another language, or makes its element one of another."""
    name = attribute.lower()
    if name == "xmlns":
        return value != _XHTML
    if name in _ADDRESSES:
        return _ACTING.match(_BLANK.sub("", value)) is not None
    return name.startswith(("on", "xlink:"))


def xhtml(value: Any, _: Scope) -> Found:
    """Checks the text of a div."""
    if type(value) is not str:
        return NULL if value is None else _NOT_TEXT
    if not _BEGINNING.match(value):
        return _NOT_A_DIV
    reader = _Reader()
    parser = expat.ParserCreate()
    # With a foreign DTD an HTML entity such as &nbsp; is skipped; without one it would be an error.
    parser.UseForeignDTD(True)
    parser.StartElementHandler = reader.start
    parser.CharacterDataHandler = reader.text
    parser.SkippedEntityHandler = reader.entity
    parser.ProcessingInstructionHandler = reader.instruction
    try:
        parser.Parse(value.strip(), True)
    except (expat.ExpatError, ValueError):
        return _MALFORMED
    if reader.root != "div":
        return _NOT_A_DIV
    if reader.forbidden:
        return _ACTIVE
    return None if reader.visible else _NOTHING_TO_SEE
