"""A resource with a modifier that nobody here knows: it adds to no referral, and silences no warning."""

from datetime import date
from typing import Any

import pytest

from referral_service.clinic.chart import build
from referral_service.core.decide import decide
from referral_service.core.decision import Decision
from referral_service.core.person import MOST_LINKED
from referral_service.core.timeline import Timeline
from referral_service.fhir.check import check
from tests.kit.judged import PATHWAY, READER, RECORD_NUMBERS, TODAY

Json = dict[str, Any]
UNKNOWN: list[Json] = [{"url": "http://a.example/negated", "valueBoolean": True}]
BACK = {"condition": "M54.50", "onset": -200}
VISIT: Json = {"procedure": "97110", "on": -10}
# Where a modifier may stand in resources of these lines.
PLACES: dict[str, tuple[Json, str]] = {
    "a treatment": (VISIT, ""),
    "its performer": (VISIT, "performer"),
    "a drug": ({"medication": "198014", "from": -30}, ""),
    "its dosage": ({"medication": "198014", "from": -30}, "dosageInstruction"),
    "its supply": ({"medication": "198014", "from": -30}, "dispenseRequest"),
    "a score": ({"score": "72514-3", "value": 5, "on": -10}, ""),
    "a report": ({"imaging": "24968-0", "on": -10}, ""),
    "an allergy": ({"allergy": "5640"}, ""),
    "a diagnosis": ({"condition": "M51.26", "onset": -20}, ""),
    "what explains a flag": ({"condition": "G35", "onset": -300}, ""),
}
HEEDED: dict[str, Json] = {
    "cauda equina": {"condition": "G83.4", "onset": -3},
    "foot drop": {"condition": "M21.371", "onset": -3},
    "pregnancy": {"condition": "Z33.1", "onset": -30},
    "an operation": {"procedure": "63030", "on": -30},
    "a referral of others": {"order": "308482002", "on": -5},
    "a refusal": {"refuses": "308482002", "on": -5},
}


def chart(*given: Json, element: str = "", key: str = "modifierExtension") -> list[Json]:
    """The resources of these lines; that of the line called `it` has the modifier, at this element."""
    resources = build({"id": "pat", "given": list(given)}, TODAY)
    (it,) = (one for one in resources if one["id"] == "pat-it")
    holder = it.setdefault(element, {} if element == "dispenseRequest" else [{}]) if element else it
    holder = holder[0] if isinstance(holder, list) else holder
    if element == "performer":
        holder.setdefault("actor", {"display": "x"})
    holder[key] = UNKNOWN if key == "modifierExtension" else "http://a.example/rules"
    assert check(it) == []
    return resources


def judged(resources: list[Json], on: date = TODAY) -> Decision:
    (decision,) = decide(Timeline.of(f for one in resources for f in READER.facts(one)), PATHWAY, on)
    return decision


@pytest.mark.parametrize("name", PLACES)
def test_what_would_add_to_a_referral_is_left_out_and_named(name: str) -> None:
    item, element = PLACES[name]
    decision = judged(chart(BACK, {**item, "id": "it"}, element=element))
    assert [why for fact, why in decision.left_out if "/pat-it/" in fact] == ["modified"]


def test_so_is_what_follows_rules_of_its_own() -> None:
    decision = judged(chart(BACK, {**VISIT, "id": "it"}, key="implicitRules"))
    assert (decision.outcome, decision.left_out[0][1]) == ("not-started", "modified")


@pytest.mark.parametrize("name", HEEDED)
def test_what_warns_or_asks_to_wait_is_heeded_all_the_same(name: str) -> None:
    item = {**HEEDED[name], "id": "it"}
    plain = build({"id": "pat", "given": [BACK, VISIT, item]}, TODAY)
    assert judged(chart(BACK, VISIT, item)) == judged(plain)


@pytest.mark.parametrize("code", ["G83.4", "M47.16", "M21.371"])
def test_an_old_one_that_may_be_of_somebody_else_makes_no_flag_old(code: str) -> None:
    new, old = {"condition": code, "recorded": -3}, {"condition": code, "recorded": -900, "id": "it"}
    plain = judged(build({"id": "pat", "given": [BACK, new]}, TODAY))
    found = judged(chart(BACK, new, old))
    assert (plain.outcome, found.outcome) == ("urgent", "urgent")
    assert judged(chart(BACK, old)).outcome == "not-started", "by itself it is as old as it says"


@pytest.mark.parametrize("sign", ["R33.9", "N31.9", "R32"])
@pytest.mark.parametrize("said", [{"condition": "Z33.1", "onset": -30}, {"pregnancy": True, "on": -30}])
def test_a_pregnancy_that_may_be_somebody_else_s_explains_no_bladder_sign(sign: str, said: Json) -> None:
    found = judged(chart(BACK, {"condition": sign, "onset": -3}, {**said, "id": "it"}))
    assert (found.outcome, found.reasons) == ("review", ("possible-red-flag",))


def test_a_flag_that_names_a_disc_too_opens_no_episode() -> None:
    flag: Json = {"condition": "M21.371", "onset": -3, "id": "it"}
    resources = chart(flag)
    resources[-1]["code"]["coding"].append({"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M51.26"})
    assert judged(resources).outcome == "no-qualifying-condition"


def test_a_modified_stroke_explains_no_foot_drop_away() -> None:
    stroke, foot_drop = (
        {"condition": "I63.9", "onset": -300, "id": "it"},
        {"condition": "M21.371", "onset": -3},
    )
    plain = judged(build({"id": "pat", "given": [BACK, stroke, foot_drop]}, TODAY))
    assert (plain.outcome, judged(chart(BACK, stroke, foot_drop)).outcome) == ("not-started", "urgent")


def test_a_word_in_a_text_is_no_modifier() -> None:
    resources = build({"id": "pat", "given": [BACK, {**VISIT, "id": "it"}]}, TODAY)
    plain = judged(resources)
    resources[-1]["note"] = [{"text": "modifierExtension"}]
    assert judged(resources) == plain


def test_nobody_is_taken_for_another_by_a_link_that_may_be_denied() -> None:
    number = {"system": RECORD_NUMBERS, "value": "1"}
    link: Json = {"type": "seealso", "other": {"reference": "Patient/other"}}
    patient = {"resourceType": "Patient", "id": "p", "identifier": [number], "link": [link]}
    plain = READER.identity(patient)
    link["modifierExtension"] = UNKNOWN
    found = READER.identity(patient)
    assert plain and found and check(patient) == []
    assert (plain.links, len(plain.identifiers)) == (("other",), 1)
    assert (found.links, found.identifiers) == ((), ())


def test_more_links_than_a_person_can_have_say_nothing() -> None:
    def links(number: int) -> tuple[str, ...]:
        link = [{"type": "seealso", "other": {"reference": f"Patient/{place}"}} for place in range(number)]
        identity = READER.identity({"resourceType": "Patient", "id": "p", "link": link})
        assert identity
        return identity.links

    assert len(links(MOST_LINKED)) == MOST_LINKED
    assert links(MOST_LINKED + 1) == ()
