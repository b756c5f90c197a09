"""A condition that finds a resource wants one of its identifiers, or may find anything."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest

from referral_service.fhir.bundle import Condition
from referral_service.fhir.conditional import Coming, Match
from referral_service.fhir.overlap import borne, wanted
from referral_service.fhir.search.query import Query, parse
from referral_service.fhir.search.table import KINDS

ODD = "a,b|c\\d$"
RESOURCE = {
    "resourceType": "Condition",
    "subject": {"reference": "Patient/1"},
    "recordedDate": "2026-01-02",
    "identifier": [
        {"system": "urn:x", "value": "v"},
        {"system": "urn:y", "value": ODD},
        {"value": "bare"},
        {"system": "urn:z"},
    ],
}
NARROW = {
    "identifier=urn:x|v": {"v"},
    "identifier=v": {"v"},
    "identifier=|bare": {"bare"},
    "identifier=bare&identifier=v": {"bare"},
    "identifier=urn:x|other,v,urn:x|v": {"other", "v"},
    "patient=1&recorded-date=2026&identifier=urn:x|v": {"v"},
    r"identifier=urn:y|a\,b\|c\\d\$": {ODD},
    r"identifier=a\,b\|c\\d\$,other": {ODD, "other"},
    # Any value of the system would do for the first, so that the second says what is wanted.
    "identifier=urn:z|&identifier=v": {"v"},
}
WIDE = ("identifier=urn:z|", "identifier=v,urn:z|", "patient=1", "_id=found", "recorded-date=gt2025")


def query(condition: str) -> Query:
    return parse(
        KINDS["Condition"], parse_qsl(condition), as_of=datetime(2026, 1, 3, tzinfo=UTC), is_strict=True
    )


def finds(asked: Query) -> bool:
    search = Condition("Condition", "")
    return bool(Coming({("Condition", "found"): RESOURCE}, {search: Match(asked, [])}).found(search))


def test_all_of_its_identifiers_are_borne() -> None:
    assert borne(RESOURCE) == {"v", ODD, "bare", ""}


@pytest.mark.parametrize("condition", NARROW)
def test_what_names_values_wants_one_of_these(condition: str) -> None:
    asked = query(condition)
    assert finds(asked)
    assert wanted(asked) == NARROW[condition]
    assert wanted(asked) & borne(RESOURCE)


@pytest.mark.parametrize("condition", WIDE)
def test_what_names_no_value_may_find_anything(condition: str) -> None:
    asked = query(condition)
    assert finds(asked)
    assert not wanted(asked)
