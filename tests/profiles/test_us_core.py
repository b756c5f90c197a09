"""Each referral is a US Core ServiceRequest too. No package of US Core can be had, so its demands stand here.

Source: the page "US Core ServiceRequest Profile" of HL7's US Core Implementation Guide, 5.0.1 to 8.0.1.
Always there: status, intent, code and subject, in 5.0.1 also a category. Where known (must support):
category, authoredOn, occurrence, requester, encounter; reasons by code or reference (USCDI).

What the service knows of these it writes. A proposal has no occurrence, encounter or requester: a computer
drafts it, and who requests is the person who approves.
"""

import re
from datetime import datetime
from typing import Any

import pytest

from tests.profiles.committed import emitted

REQUEST_STATUS = {"draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"}
REQUEST_INTENT = {"proposal", "plan", "directive", "order", "original-order", "reflex-order", "filler-order"}
SNOMED = "http://snomed.info/sct"
# US Core Procedure Codes, extensible: of these systems.
PROCEDURE_SYSTEMS = {SNOMED, "http://www.ama-assn.org/go/cpt", "http://loinc.org"}
# US Core Condition Codes, extensible: of these systems.
CONDITION_SYSTEMS = {SNOMED, "http://hl7.org/fhir/sid/icd-10-cm"}

REFERRALS = emitted("ServiceRequest")
each = pytest.mark.parametrize(
    "referral", REFERRALS, ids=lambda one: f"{one['priority']}-{one['status']}-{one['id'][:8]}"
)


def test_the_story_has_referrals_of_every_status_that_is_written_today() -> None:
    assert {one["status"] for one in REFERRALS} == {"draft", "on-hold", "revoked", "completed", "active"}


def test_an_order_says_who_requests_it() -> None:
    orders = [one for one in REFERRALS if one["intent"] == "order"]
    assert {one["status"] for one in orders} == {"active", "completed"}
    for order in orders:
        assert order["requester"] == {"reference": "Practitioner/demo"}


@each
def test_it_says_where_it_stands_and_what_it_is(referral: dict[str, Any]) -> None:
    assert referral["status"] in REQUEST_STATUS
    assert referral["intent"] in REQUEST_INTENT


@each
def test_it_has_a_coded_category(referral: dict[str, Any]) -> None:
    """US Core's slice of its own categories is open and may be empty: another coded category passes."""
    assert referral["category"]
    for category in referral["category"]:
        assert all(coding["system"] and coding["code"] for coding in category["coding"])


@each
def test_its_code_is_of_a_system_for_procedures(referral: dict[str, Any]) -> None:
    (coding,) = referral["code"]["coding"]
    assert coding["system"] in PROCEDURE_SYSTEMS
    assert referral["code"]["text"]


@each
def test_it_is_about_a_patient(referral: dict[str, Any]) -> None:
    assert re.fullmatch(r"Patient/[A-Za-z0-9\-.]{1,64}", referral["subject"]["reference"])


@each
def test_it_says_when_it_was_written_and_why(referral: dict[str, Any]) -> None:
    assert datetime.fromisoformat(referral["authoredOn"]).tzinfo
    assert all(reason["reference"].startswith("Condition/") for reason in referral["reasonReference"])
    systems = {coding["system"] for reason in referral["reasonCode"] for coding in reason["coding"]}
    assert systems <= CONDITION_SYSTEMS
    assert len(referral["reasonCode"]) == len(referral["reasonReference"])
