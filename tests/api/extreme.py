"""Resources that R4 allows, with values at the ends of what it allows."""

import json
import random
from string import ascii_letters
from typing import Any

from tests.api.charts import condition, order, patient, score, therapy
from tests.api.hostile import Json

_LAST, _FIRST = "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"
_ODD_TEXTS = {
    "letters beyond the first plane": "\U0001f9d1\U0010ffff",
    "letters that run from the right": "\u202egnihton\u202c\u200f",
    "no letters to see but one": "\u200b\ufeffx\u2060",
    "no characters of Unicode's": "\ufffe\uffff\ufdd0",
    "the next line": "a\u0085b\u2028c\u2029d",
    "letters that combine": "e\u0301" * 500,
    "SQL": "'; DROP TABLE resource; --",
    "a template": "{{ 7 * 7 }} ${jndi:ldap://x} %s %n",
    "markup": "</td><script>alert(1)</script>",
    "a bar, a comma, a backslash": r"a|b,c\d$e",
}
_DATES = (_FIRST, _LAST, "0001", "9999", "9999-12", "9999-12-31", "0001-01-01", "2016-12-31T23:59:60Z")
_NUMBERS = ("1e6144", "1e-6143", "-0.0", "0.00", "1" + "0" * 300, "0." + "1" * 300, "9" * 18, "-1e3")

_AGES = ("0.01", "150", "1e9", "9999999999999999")
_YEARS = {"system": "http://unitsofmeasure.org", "code": "a"}


def _named(value: str) -> Json:
    return patient(identifier=[{"system": value, "value": value}], name=[{"family": value}])


def _coded(value: str) -> Json:
    return _said(value, coding=[{"code": value, "display": value}])


def _said(text: str, **more: Any) -> Json:
    return {**condition("Patient/known"), "code": {"text": text, **more}}


def _letters(size: int) -> str:
    """So many, of which no database makes fewer."""
    return "".join(random.Random(size).choices(ascii_letters, k=size))


def extremes() -> dict[str, bytes]:
    """By what is extreme: a resource as JSON."""
    found: dict[str, Json] = {}
    # Python would not keep the digits.
    numbers: dict[str, str] = {}
    for says, text in _ODD_TEXTS.items():
        found[f"{says} in a display"] = _said(text)
        found[f"{says} in an identifier"] = patient(identifier=[{"value": text}])
    for size in (300, 3_000, 300_000, 1_048_576):
        found[f"an identifier of {size} letters"] = patient(identifier=[{"value": _letters(size)}])
        found[f"a text of {size} letters"] = _said(_letters(size))
    for size in (64, 3_000, 100_000):
        found[f"a code of {size} letters"] = _coded(_letters(size))
        found[f"a system of {size} letters"] = _named("urn:" + _letters(size))
        found[f"a reference to an address of {size} letters"] = therapy(
            f"https://ehr.example/{_letters(size)}/Patient/known", "2026-01-01"
        )
    for date in _DATES:
        found[f"a treatment on {date}"] = therapy("Patient/known", date)
        found[f"an onset on {date}"] = condition("Patient/known", onsetDateTime=date)
        found[f"a treatment until {date}"] = {
            **therapy("Patient/known", ""),
            "performedPeriod": {"start": date, "end": date},
        }
        del found[f"a treatment until {date}"]["performedDateTime"]
    for number in _NUMBERS:
        found[f"a score of {number}"] = score("Patient/known", 0, valueQuantity={"value": "N"})
        numbers[f"a score of {number}"] = number
    for age in _AGES:
        found[f"an onset at the age of {age}"] = condition("Patient/known", onsetAge={**_YEARS, "value": "N"})
        numbers[f"an onset at the age of {age}"] = age
    found["5,000 codes"] = _said("x", coding=[{"code": f"c{number}"} for number in range(5_000)])
    found["5,000 identifiers, all the same"] = order("Patient/known", identifier=[{"value": "same"}] * 5_000)
    found["a life of 60 levels"] = patient(extension=[_deep(28)])
    return {
        says: json.dumps(resource).replace('"N"', numbers.get(says, "0")).encode()
        for says, resource in found.items()
    }


def _deep(levels: int) -> Json:
    inside: Json = {"url": "urn:x", "valueString": "x"}
    for _ in range(levels):
        inside = {"url": "urn:x", "extension": [inside]}
    return inside
