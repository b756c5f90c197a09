"""Bodies that are no JSON, or JSON that was made to do harm."""

import json
from typing import Any

from tests.api.hostile import MARK, Attack, posted

GOOD = json.dumps({"resourceType": "Patient", "birthDate": "1970-01-01", "name": [{"family": MARK}]}).encode()
_STEP = 4


def _holding(text: str | bytes) -> bytes:
    """A Patient with this JSON text as an element's value."""
    value = text.encode() if isinstance(text, str) else text
    return b'{"resourceType":"Patient","name":[{"family":"' + MARK.encode() + b'"}],"x":' + value + b"}"


# What stands where a value belongs, and is none.
NO_VALUES = (
    *("NaN", "Infinity", "-Infinity", "nan", "undefined", "None", "True", "nul", "tru", "0x1F", "01", "+1"),
    *("1.", ".5", "1e", "1e+", "--1", "1_000", "'a'", '"\t"', '"\n"', '"\\x41"', '"\\u12"', '"\\uD800"'),
    *('"\\uDC00"', '"\\uDC00\\uD800"', '"', "[1,]", "[,1]", "[1 2]", '{"a":1,}', "{a:1}", '{"a" 1}'),
    *("{'a':1}", "/* x */ 1", "1 // x", "[1}", "{1]", "$(id)", "<a/>", "1;2", "function(){}", "\\u0031"),
    *("1e999999999", "-1e999999999", "1e-999999999", "9" * 5000 + ".0", "1" + "0" * 400 + "e1"),
)
BYTES = {
    "not UTF-8": b'"\xff\xfe"',
    "an overlong slash": b'"\xc0\xaf"',
    "a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "half a character": b'"\xe2\x82"',
    "beyond the last character": b'"\xf5\x80\x80\x80"',
    "a null byte": b'"a\x00b"',
    "an escape character": b'"\x1b[31m"',
}


def _whole() -> dict[str, bytes]:
    """Bodies that are wrong as a whole."""
    text = GOOD.decode()
    return {
        "nothing": b"",
        "white space": b" \t\r\n",
        "a null byte alone": b"\x00",
        "UTF-16": text.encode("utf-16"),
        "UTF-16 without a mark": text.encode("utf-16-le"),
        "UTF-32": text.encode("utf-32"),
        "two byte order marks": b"\xef\xbb\xbf" * 2 + GOOD,
        "a byte order mark at the end": GOOD + b"\xef\xbb\xbf",
        "two documents": GOOD + GOOD,
        "a line each": b"\n".join([GOOD, GOOD]),
        "an array of one": b"[" + GOOD + b"]",
        "a text": json.dumps(MARK).encode(),
        "a number": b"7741",
        "null": b"null",
        "true": b"true",
        "JSON within a text": json.dumps(text).encode(),
        "JSON with a call around it": b"callback(" + GOOD + b")",
        "a guard before it": b")]}',\n" + GOOD,
        "XML": f'<Patient xmlns="http://hl7.org/fhir"><id value="{MARK}"/></Patient>'.encode(),
        "an external entity": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        "YAML": f"resourceType: Patient\nid: {MARK}".encode(),
        "a form": b"resourceType=Patient&x=" + MARK.encode(),
        "gzip": b"\x1f\x8b\x08\x00" + b"\x00" * 40,
    }


def _doubled() -> dict[str, bytes]:
    """The same key twice, written the same or not, here or further in."""
    return {
        "a key twice": b'{"resourceType":"Patient","gender":"male","gender":"female"}',
        "the type twice": b'{"resourceType":"Patient","resourceType":"Group"}',
        "a key twice, once escaped": b'{"resourceType":"Patient","gender":"male","gend\\u0065r":"female"}',
        "a key twice inside": b'{"resourceType":"Patient","name":[{"text":"a","text":"b"}]}',
        "a key a thousand times": b'{"resourceType":"Patient"' + b',"id":"x"' * 1000 + b"}",
        "__proto__": b'{"resourceType":"Patient","__proto__":{"isAdmin":true}}',
        "a key that is empty": b'{"resourceType":"Patient","":1}',
        "a key with a null": b'{"resourceType":"Patient","a\\u0000b":1}',
        "a key that is half a surrogate": b'{"resourceType":"Patient","\\ud800":1}',
        "a key of a megabyte": b'{"resourceType":"Patient","' + b"k" * 1_000_000 + b'":1}',
        "a key that is marked": json.dumps({"resourceType": "Patient", MARK: 1}).encode(),
    }


def _deep() -> dict[str, bytes]:
    """Nesting beyond 64 levels, and sizes that cost."""
    found: dict[str, Any] = {}
    for levels in (65, 1_000, 100_000):
        found[f"arrays nested {levels} deep"] = _holding("[" * levels + "]" * levels)
        found[f"objects nested {levels} deep"] = _holding('{"a":' * levels + "1" + "}" * levels)
        found[f"arrays opened {levels} deep, never closed"] = _holding("[" * levels)
    extension = '{"url":"a","extension":['
    found["extensions nested 100 deep"] = _holding(extension * 100 + "]}" * 100)
    found["an array of 100,000 nulls"] = _holding("[" + ",".join(["null"] * 100_000) + "]")
    found["an array of 100,000 empty objects"] = _holding("[" + ",".join(["{}"] * 100_000) + "]")
    found["an object of 100,000 keys"] = _holding(
        "{" + ",".join(f'"k{number}":{number}' for number in range(100_000)) + "}"
    )
    found["a text of two megabytes"] = json.dumps(
        {"resourceType": "Patient", "name": [{"family": MARK * 150_000}]}
    ).encode()
    found["seventeen megabytes"] = _holding('"' + "y" * 17 * 1024 * 1024 + '"')
    return found


def malformed() -> list[Attack]:
    """Bodies that are no JSON at all."""
    found = [posted(f"the value {text[:20]}", _holding(text)) for text in NO_VALUES]
    found += [posted(says, _holding(text)) for says, text in BYTES.items()]
    found += [posted(says, body) for says, body in _whole().items()]
    found += [posted(f"cut after {end} bytes", GOOD[:end]) for end in range(1, len(GOOD), _STEP)]
    return found


def costly() -> list[Attack]:
    """JSON of doubtful shape or size."""
    return [posted(says, body) for says, body in (_doubled() | _deep()).items()]
