"""Reads FHIR JSON strictly and writes it again: decimals keep the very digits that were received.

Refused: what is no JSON (RFC 8259), duplicate keys, NaN and Infinity, lone surrogates, nesting over 64
levels, anything but an object, and an object that names no resource type of R4.
"""

import json
from decimal import Decimal
from typing import Any, Final, NoReturn

import msgspec

from referral_service.core.problem import Category, Issue, Problem
from referral_service.fhir.definitions import R4_TYPES

DEEPEST: Final = 64
_TOO_DEEP = f"The JSON is nested more than {DEEPEST} levels deep."

# The magnitudes that IEEE 754's decimal128 holds; beyond them arithmetic is an attack, not a measurement.
_GREATEST_EXPONENT = 6144
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# How a line begins that is nested so deep, where every level is indented by one space.
_DEEP_LINE = b"\n" + DEEPEST * b" "


class Unreadable(Problem):
    """A body that cannot be taken for a FHIR resource; `issues` say why."""

    def __init__(self, issues: tuple[Issue, ...]) -> None:
        """`issues` holds at least one."""
        super().__init__(Category.INCORRECT, *issues)


class Number(Decimal):
    """A JSON number with fraction or exponent that is written again as it was received."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> "Number":
        """`text` is a JSON number."""
        number = super().__new__(cls, text)
        if not -_GREATEST_EXPONENT <= number.adjusted() <= _GREATEST_EXPONENT:
            raise ValueError("the number is out of range")
        number.text = text
        return number

    def __str__(self) -> str:
        """The digits as received."""
        return self.text

    def __reduce__(self) -> tuple[type["Number"], tuple[str]]:
        """Copies and pickles keep the digits too."""
        return Number, (self.text,)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Number":
        """Nothing in it can change."""
        return self


def _refuse(code: str, sentence: str, expression: str = "") -> NoReturn:
    raise Unreadable((Issue(code, sentence, expression),))


_decoder = msgspec.json.Decoder(float_hook=Number)


def _raw(value: Any) -> msgspec.Raw:
    if isinstance(value, Number):
        return msgspec.Raw(value.text.encode())
    raise NotImplementedError(f"{type(value).__name__} has no form in JSON")


_encoder = msgspec.json.Encoder(enc_hook=_raw, decimal_format="number")
_encoder_in_order = msgspec.json.Encoder(enc_hook=_raw, decimal_format="number", order="sorted")


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`, a resource of some R4 type; numbers are int or Number. Raises Unreadable."""
    resource = parse_object(body)
    kind = resource.get("resourceType")
    if kind is None:
        _refuse("required", "The element is required.", "resourceType")
    if not isinstance(kind, str) or kind not in R4_TYPES:
        _refuse("value", "Not a resource type of R4.", "resourceType")
    return resource


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`, whatever it is; numbers are int or Number. Raises Unreadable."""
    value = parse_any(body)
    if not isinstance(value, dict):
        _refuse("structure", "The body must be one JSON object.")
    return value


def parse_any(body: bytes) -> Any:
    """The JSON in `body` by the same rules, be it an object or not. Raises Unreadable."""
    text = body.removeprefix(_BYTE_ORDER_MARK)
    value = _decoded(text)
    written = _encoder.encode(value)
    if _too_deep(written, value):
        _refuse("structure", _TOO_DEEP)
    if _has_duplicate_keys(text, written):
        _refuse("structure", "A JSON object has the same key twice.")
    if text.count(b"-") != written.count(b"-") or b"\\u002" in text:
        return _with_negative_zeros(text)
    return value


def _decoded(text: bytes) -> Any:
    try:
        return _decoder.decode(text)
    except RecursionError:
        _refuse("structure", _TOO_DEEP)
    except (msgspec.ValidationError, ArithmeticError):
        _refuse("value", "A number is out of range.")
    except (msgspec.DecodeError, ValueError):
        _refuse("structure", "The body is not JSON in UTF-8.")


def dump(resource: dict[str, Any]) -> bytes:
    """The resource as compact JSON, decimals with the digits that `parse` received."""
    return _encoder.encode(resource)


def are_alike(one: bytes, other: bytes) -> bool:
    """Whether two dumps say the same: the order of members says nothing, a decimal's digits do."""
    if one == other:
        return True
    # What is neither as long nor of the same characters hardly ever needs to be read.
    is_near = len(one) == len(other) and sum(one) == sum(other)
    return is_near and _sorted(one) == _sorted(other)


def _sorted(body: bytes) -> bytes:
    return _encoder_in_order.encode(parse_any(body))


def _too_deep(written: bytes, value: Any) -> bool:
    # Few bodies have such a line, and only those need the walk.
    if _DEEP_LINE not in msgspec.json.format(written, indent=1):
        return False
    level = [value]
    for _ in range(DEEPEST):
        level = [
            child
            for one in level
            for child in (one.values() if type(one) is dict else one)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def _with_negative_zeros(text: bytes) -> Any:
    """The same value, -0 with its sign, which the decoder drops: a second, slower reading, where in doubt."""

    def whole(digits: str) -> int | Number:
        return Number(digits) if digits == "-0" else int(digits)

    return json.loads(text, parse_float=Number, parse_int=whole)


def _has_duplicate_keys(text: bytes, written: bytes) -> bool:
    """Whether an object of the text has a key twice; the decoder keeps the last one only.

    Written again, a body without duplicates has as many quotation marks as before, unless one was spelled as
    a Unicode escape. Only where the counts leave doubt is the text read a second, slower time.
    """
    if b"\\u0022" not in text and text.count(b'"') == written.count(b'"'):
        return False
    repeated = False

    def note(pairs: list[tuple[str, Any]]) -> None:
        nonlocal repeated
        repeated = repeated or len({name for name, _ in pairs}) != len(pairs)

    json.loads(text, object_pairs_hook=note, parse_int=str, parse_float=str)
    return repeated
