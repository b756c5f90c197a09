"""Who a patient is on the pages: what an EHR may say of names and numbers, and what people read of it."""

import json
from typing import Any

import pytest

from referral_service.api.worklist.person import person_of

ENDED = {"period": {"end": "2001-05-01"}}
RECORD = {"type": {"coding": [{"code": "MR"}]}}


def person(**said: Any) -> tuple[str, str]:
    """Name and number of Patient/p."""
    found = person_of(json.dumps({"resourceType": "Patient", "id": "p", **said}).encode(), "p")
    return found.name, found.identifier


@pytest.mark.parametrize(
    ("names", "called"),
    [
        ([], "Patient/p"),
        ([{"given": [None, "Ada"], "family": "Elm"}], "Ada Elm"),
        ([{"use": "usual", "text": "Addy"}, {"use": "official", "text": "Ada Elm"}], "Ada Elm"),
        ([{"use": "old", "text": "Ada Ash"}, {"text": "Ada Elm"}], "Ada Elm"),
        ([{"use": "maiden", "text": "Ada Ash"}, {"use": "nickname", "text": "Addy"}], "Addy"),
        ([{"use": "official", "text": "Ada Ash", **ENDED}, {"use": "usual", "text": "Ada Elm"}], "Ada Elm"),
        ([{"use": "old", "text": "Ada Ash"}], "Ada Ash"),
        ([{"text": "\u200b\u202e"}, {"text": "Ada Elm"}], "Ada Elm"),
        ([{"text": "\u200b"}], "Patient/p"),
        ([{"text": " Ada\r\n=1+1\tElm "}], "Ada =1+1 Elm"),
        ([{"text": "W" * 3000}], "W" * 200 + "…"),
    ],
)
def test_a_patient_is_called_by_the_name_of_today(names: list[Any], called: str) -> None:
    assert person(name=names)[0] == called


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ([], ""),
        ([{"system": "urn:x"}], ""),
        ([{"value": "7"}, {"value": "8"}], "7"),
        ([{"value": "7"}, {"value": "8", **RECORD}], "8"),
        ([{"value": "7", "use": "old", **RECORD}, {"value": "8"}], "8"),
        ([{"value": "7", **ENDED}, {"value": "8"}], "8"),
        ([{"value": "7", **ENDED}], "7"),
    ],
)
def test_the_number_of_a_patient_is_that_of_the_record(numbers: list[Any], shown: str) -> None:
    assert person(identifier=numbers)[1] == shown
