"""The card of each outcome: by HTTP for one story each, and in memory for every story that there is."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_profiles import RESOURCES
from referral_service.api.worklist.words import DECLINE_REASONS
from referral_service.clinic.chart import build
from referral_service.clinic.stories import load
from referral_service.core.explain import REASONS
from referral_service.fhir.codes import CANONICAL_BASE
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read import Reader
from referral_service.fhir.read.drafts import read_draft
from referral_service.fhir.write import Names
from referral_service.fhir.write.card import Finding, Frame, card
from referral_service.workflow.advise import Advise, Asked
from referral_service.workflow.ports import PatientId
from tests.cds_hooks.client import EPIDURAL, KNEE_MRI, LUMBAR_FUSION, LUMBAR_MRI, Client, call, order
from tests.cds_hooks.form import faults_of
from tests.kit.charts import charts
from tests.kit.strategies import Facts
from tests.kit.words import AS_OF
from tests.vignettes.story import Vignette, decisions, pathway, vignettes

Json = dict[str, Any]
NAMES = Names(CANONICAL_BASE, pathway().id, pathway().version)
FRAME = Frame(NAMES, pathway().title, DECLINE_REASONS)
TERMINOLOGY = Terminology.load(RESOURCES / "valuesets")
READER = Reader(TERMINOLOGY, CANONICAL_BASE)
ORDERS = (LUMBAR_MRI, LUMBAR_FUSION, EPIDURAL, "72141", "62287", "72131", KNEE_MRI)
INDICATORS = {
    "urgent": "critical",
    "exhausted": "info",
    "in-trial": "info",
    "responding": "info",
    "not-started": "info",
    "on-hold": "info",
    "review": "info",
}


def findings(vignette: Vignette) -> list[Finding]:
    resources = build(vignette.given, vignette.as_of)
    asked = Asked(
        hook="patient-view",
        patient=PatientId(vignette.given["id"]),
        as_of=datetime.combine(vignette.as_of, datetime.min.time(), ZoneInfo("UTC")),
        facts=tuple(fact for one in resources for fact in READER.facts(one)),
    )
    return Advise(pathway(), NAMES, "UTC").findings(asked)


def test_every_story_s_cards_have_the_form_of_a_card() -> None:
    shown: Counter[str] = Counter()
    for vignette in vignettes():
        if vignette.known_at:
            continue
        cards = [card(one, uuid4(), FRAME) for one in findings(vignette)]
        assert faults_of({"cards": cards}) == [], vignette.id
        shown.update(one["source"]["topic"]["code"] for one in cards)
    assert shown.keys() == INDICATORS.keys()
    assert min(shown.values()) > 10


def test_every_story_is_told_once_for_each_region_and_one_red_flag_for_all() -> None:
    for vignette in vignettes():
        if vignette.known_at:
            continue
        decided = [one for one in decisions(vignette) if one.outcome != "no-qualifying-condition"]
        elective = [
            one.region for one in decided if one.outcome != "urgent" and "deceased" not in one.reasons
        ]
        told = [one.decision for one in findings(vignette)]
        assert sorted(one.region or "" for one in told if one.outcome != "urgent") == sorted(
            region or "" for region in elective
        ), vignette.id
        urgent = any(one.outcome == "urgent" for one in decided)
        assert sum(one.outcome == "urgent" for one in told) == urgent, vignette.id


@pytest.mark.parametrize("outcome", INDICATORS)
def test_a_chart_of_each_outcome_gets_its_card(client: Client, outcome: str) -> None:
    day = client.server.service.clock.as_of().astimezone(UTC).date()
    story = next(one for one in load() if one["expect"][0]["outcome"] == outcome)
    cards = client.cards(call("patient-view", story["id"], client.prefetch(build(story, day))))

    first = cards[0]
    expected = story["expect"][0]
    is_red = "possible-red-flag" in expected["reasons"]
    assert first["source"]["topic"]["code"] == outcome
    assert first["indicator"] == ("warning" if is_red else INDICATORS[outcome])
    assert ("suggestions" in first) == (outcome in ("urgent", "exhausted"))
    assert any(REASONS[reason] in first["detail"] for reason in expected["reasons"])
    assert first["detail"].count("\n|") >= 10


def test_the_suggestion_is_a_draft_that_rests_on_the_client_s_own_resources(client: Client) -> None:
    story = next(one for one in load() if one["id"] == "disc-was-treated-intradiscally-before")
    day = client.server.service.clock.as_of().date()
    (found,) = client.cards(call("patient-view", story["id"], client.prefetch(build(story, day))))

    (suggestion,) = found["suggestions"]
    (action,) = suggestion["actions"]
    drafted = action["resource"]
    assert (drafted["status"], drafted["intent"], drafted["priority"]) == ("draft", "proposal", "routine")
    assert drafted["subject"] == {"reference": f"Patient/{story['id']}"}
    assert drafted["reasonReference"] == [{"reference": f"Condition/{story['id']}-disc"}]
    assert drafted["orderDetail"][0]["coding"][0]["code"] == "surgical"
    assert "identifier" not in drafted  # nobody has issued one
    assert not any("GuidanceResponse" in one["reference"] for one in drafted["supportingInfo"])
    assert found["selectionBehavior"] == "at-most-one"
    assert {one["code"] for one in found["overrideReasons"]} == set(DECLINE_REASONS)
    assert {one["system"] for one in found["overrideReasons"]} == {
        f"{CANONICAL_BASE}/CodeSystem/decline-reason"
    }


def test_asked_again_a_card_keeps_its_uuid_and_another_call_has_another(client: Client) -> None:
    story = next(one for one in load() if one["expect"][0]["outcome"] == "exhausted")
    day = client.server.service.clock.as_of().date()
    said = call("patient-view", story["id"], client.prefetch(build(story, day)))

    (first,), (again,) = client.cards(said), client.cards(said)
    (other,) = client.cards({**said, "hookInstance": str(uuid4())})
    assert first["uuid"] == again["uuid"] != other["uuid"]
    assert first["suggestions"][0]["uuid"] == again["suggestions"][0]["uuid"]


@given(charts(), st.lists(st.sampled_from(ORDERS), max_size=3))
def test_whatever_a_chart_says_its_cards_have_the_form_of_a_card(facts: Facts, codes: list[str]) -> None:
    drafts = [read_draft(order("p", code), TERMINOLOGY) for code in codes]
    asked = Asked(
        hook="order-sign" if codes else "patient-view",
        patient=PatientId("p"),
        as_of=datetime.combine(AS_OF, datetime.min.time(), ZoneInfo("UTC")),
        facts=facts,
        drafts=tuple(filter(None, drafts)),
    )
    cards = [card(one, uuid4(), FRAME) for one in Advise(pathway(), NAMES, "UTC").findings(asked)]
    assert faults_of({"cards": cards}) == []


def test_no_consultation_is_offered_while_a_possible_red_flag_stands_elsewhere(client: Client) -> None:
    chart = client.chart(
        "two",
        {"condition": "M54.2", "onset": -100},
        {"condition": "R32", "onset": -80},
        {"condition": "M51.26", "onset": -75, "id": "disc"},
        {"procedure": "97110", "every": {"from": -65, "to": -2, "step": 7}, "reason": {"ref": "disc"}},
        {"medication": "198014", "from": -60, "supply": 40, "reason": {"ref": "disc"}},
        {"score": "97909-6", "value": 48, "unit": "%", "on": -64},
        {"score": "97909-6", "value": 47, "unit": "%", "on": -3},
        {"imaging": "24968-0", "on": -30},
    )
    first, second = client.cards(call("patient-view", "two", client.prefetch(chart)))

    assert first["indicator"] == "warning" and "possible red flag" in first["summary"]
    assert second["source"]["topic"]["code"] == "exhausted"
    assert "suggestions" not in second
    assert "No consultation is proposed for it while a possible red flag stands" in second["detail"]


@pytest.mark.parametrize("told", [[], [{"condition": "E11.9", "onset": -900}]])
def test_a_chart_without_a_spine_condition_gets_no_card(client: Client, told: list[Json]) -> None:
    chart = client.chart("nothing", *told)

    assert client.cards(call("patient-view", "nothing", client.prefetch(chart))) == []


def test_nobody_is_told_of_a_trial_of_somebody_who_has_died(client: Client) -> None:
    chart = client.chart("late", {"condition": "M51.26", "onset": -100})
    chart[0]["deceasedBoolean"] = True

    assert client.cards(call("patient-view", "late", client.prefetch(chart))) == []
