"""Narrative.div: well-formed XHTML in one div, with something to see in it and nothing that acts.

Source: R4 txt-1, txt-2 and https://hl7.org/fhir/R4/narrative.html#xhtml. Untidy but harmless markup passes: a
missing namespace, HTML entities, elements beyond the recommended ones.
"""

import re
from typing import Any
from xml.parsers import expat

from referral_service.fhir.findings import NULL, Found, Scope, finding

_FORBIDDEN = re.compile(
    "applet|base|body|button|embed|form|frame|frameset|head|html|iframe|input|link|meta|object|option|script"
    "|select|style|textarea|title|xlink"
)
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
        tag = name.rpartition(":")[2].lower()
        self.visible = self.visible or tag == "img"
        if _FORBIDDEN.fullmatch(tag) or any(attribute.lower().startswith("on") for attribute in attributes):
            self.forbidden = True

    def text(self, data: str) -> None:
        self.visible = self.visible or bool(data.strip())

    def entity(self, *_: Any) -> None:
        self.visible = True


def xhtml(value: Any, _: Scope) -> Found:
    """Checks the text of a div. A document type, and so an entity bomb, cannot pass the first test."""
    if type(value) is not str:
        return NULL if value is None else _NOT_TEXT
    if not value.lstrip().startswith("<div"):
        return _NOT_A_DIV
    reader = _Reader()
    parser = expat.ParserCreate()
    # With a foreign DTD an HTML entity such as &nbsp; is skipped; without one it would be an error.
    parser.UseForeignDTD(True)
    parser.StartElementHandler = reader.start
    parser.CharacterDataHandler = reader.text
    parser.SkippedEntityHandler = reader.entity
    try:
        parser.Parse(value.strip(), True)
    except (expat.ExpatError, ValueError):
        return _MALFORMED
    if reader.root != "div":
        return _NOT_A_DIV
    if reader.forbidden:
        return _ACTIVE
    return None if reader.visible else _NOTHING_TO_SEE
