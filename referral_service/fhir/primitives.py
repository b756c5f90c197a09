"""R4's primitive types: their JSON type, their form, and dates that the calendar has.

Source: https://hl7.org/fhir/R4/datatypes.html#primitive. Sentences never repeat the value.
"""

import re
from calendar import monthrange
from decimal import Decimal
from typing import Any, Final

from referral_service.fhir import narrative
from referral_service.fhir.findings import NULL, Check, Finding, Found, Scope, finding

LONGEST_STRING: Final = 1024 * 1024

_ZONE = r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
_YEAR = r"(?!0000)[0-9]{4}"
_MONTH = r"(0[1-9]|1[0-2])"
_DAY = r"(0[1-9]|[12][0-9]|3[01])"
_DATE = re.compile(f"{_YEAR}(-{_MONTH}(-{_DAY})?)?")
_DATE_TIME = re.compile(f"{_YEAR}(-{_MONTH}(-{_DAY}(T{_CLOCK}{_ZONE})?)?)?")
_INSTANT = re.compile(f"{_YEAR}-{_MONTH}-{_DAY}T{_CLOCK}{_ZONE}")
_SOLID = r"[^\s\x00-\x1f]+"
_UNSPACED = re.compile(_SOLID).fullmatch
_BASE64 = re.compile(r"[0-9A-Za-z+/]*={0,2}")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")

_NOT_TEXT = finding("structure", "Must be a JSON string.")
_NOT_A_NUMBER = finding("structure", "Must be a JSON number.")
_NOT_WHOLE = finding("structure", "Must be a JSON number without fraction or exponent.")
_NOT_A_BOOLEAN = finding("structure", "Must be true or false.")
_BLANK = finding("structure", "A string must not be empty or blank.")
_TOO_LONG = finding("value", "A string must not be longer than 1,048,576 characters.")
_NOTHING = finding("value", "A string must not contain the character U+0000: no index can keep it.")
_NO_SUCH_DAY = finding("value", "Not a date of the calendar.")
_NOT_A_URI = finding("value", "A URI must not contain white space.")
_NOT_BASE64 = finding("value", "Not base64.")
_NOT_A_CODE = finding("code-invalid", "Not a code of the required value set.")


def _not_text(value: Any) -> list[Finding]:
    if value is None:
        return NULL
    return _BLANK if isinstance(value, str) else _NOT_TEXT


def string(value: Any, _: Scope) -> Found:
    """string and markdown: something visible. Control characters R4 advises against, and lets pass."""
    # Printable text has no control characters and no white space but the plain space.
    if type(value) is str and value.isprintable() and len(value) <= LONGEST_STRING and value.strip():
        return None
    if type(value) is not str or not value.strip():
        return _not_text(value)
    if len(value) > LONGEST_STRING:
        return _TOO_LONG
    return _NOTHING if "\0" in value else None


def _formed(form: str, sentence: str) -> Check:
    matches = re.compile(form).fullmatch
    wrong = finding("value", sentence)

    def check(value: Any, _: Scope) -> Found:
        if type(value) is str and matches(value):
            return None
        return wrong if isinstance(value, str) and value.strip() else _not_text(value)

    return check


def _dated(form: re.Pattern[str], sentence: str) -> Check:
    matches = form.fullmatch
    wrong = finding("value", sentence)

    def check(value: Any, _: Scope) -> Found:
        if type(value) is not str or not matches(value):
            return wrong if isinstance(value, str) and value.strip() else _not_text(value)
        day = value[8:10]
        if day > "28" and int(day) > monthrange(int(value[:4]), int(value[5:7]))[1]:
            return _NO_SUCH_DAY
        return None

    return check


def uri(value: Any, scope: Scope) -> Found:
    """uri, url and canonical: no white space; "#id" counts as a use of what is contained."""
    if type(value) is not str or not value.strip():
        return _not_text(value)
    if value[0] == "#" and value[1:] in scope.contained:
        scope.used.add(value[1:])
    # Printable text without a plain space has no white space and no control characters at all.
    if value.isprintable() and " " not in value:
        return None
    return None if _UNSPACED(value) else _NOT_A_URI


def base64(value: Any, _: Scope) -> Found:
    """base64Binary: groups of four, padded; white space between them is allowed."""
    if type(value) is not str or not value.strip():
        return _not_text(value)
    packed = "".join(value.split())
    return None if len(packed) % 4 == 0 and _BASE64.fullmatch(packed) else _NOT_BASE64


def boolean(value: Any, _: Scope) -> Found:
    """A JSON true or false."""
    if value is True or value is False:
        return None
    return NULL if value is None else _NOT_A_BOOLEAN


def decimal(value: Any, _: Scope) -> Found:
    """Any JSON number."""
    if isinstance(value, int | Decimal | float) and not isinstance(value, bool):
        return None
    return NULL if value is None else _NOT_A_NUMBER


def _whole(least: int, sentence: str) -> Check:
    wrong = finding("value", sentence)

    def check(value: Any, _: Scope) -> Found:
        if type(value) is int:
            return None if least <= value <= 2147483647 else wrong
        return NULL if value is None else _NOT_WHOLE

    return check


def one_of(codes: frozenset[str]) -> Check:
    """A code of a value set whose binding is required."""

    def check(value: Any, _: Scope) -> Found:
        if type(value) is str and value in codes:
            return None
        return _NOT_A_CODE if isinstance(value, str) and value.strip() else _not_text(value)

    return check


MIME: Final = _formed(r"[\w.+*!#$&^-]+/[\w.+*!#$&^-]+(\s*;[^\x00-\x1f]*)?", "Not a MIME type.")
CURRENCY: Final = _formed(r"[A-Z]{3}", "Not a currency code of ISO 4217.")
ELEMENT_ID: Final = _formed(_SOLID, "An element's id must not contain white space.")

PRIMITIVES: Final[dict[str, Check]] = {
    "base64Binary": base64,
    "boolean": boolean,
    "canonical": uri,
    "code": _formed(f"{_SOLID}( {_SOLID})*", "Not a code: white space is out of place."),
    "date": _dated(_DATE, "Not a date of the form YYYY, YYYY-MM or YYYY-MM-DD."),
    "dateTime": _dated(_DATE_TIME, "Not a dateTime: YYYY, YYYY-MM, YYYY-MM-DD, or with time and time zone."),
    "decimal": decimal,
    "id": _formed(_ID.pattern, "Not an id: 1 to 64 letters, digits, hyphens and dots."),
    "instant": _dated(_INSTANT, "Not an instant of the form YYYY-MM-DDThh:mm:ss with time zone."),
    "integer": _whole(-2147483648, "Not a 32-bit integer."),
    "markdown": string,
    "oid": _formed(r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+", "Not an OID of the form urn:oid:1.2.3."),
    "positiveInt": _whole(1, "Not a 32-bit integer above 0."),
    "string": string,
    "time": _formed(_CLOCK, "Not a time of the form hh:mm:ss."),
    "unsignedInt": _whole(0, "Not a 32-bit integer of 0 or above."),
    "uri": uri,
    "url": uri,
    "uuid": _formed(
        r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "Not a UUID of the form urn:uuid: with lower-case digits.",
    ),
    "xhtml": narrative.xhtml,
}
