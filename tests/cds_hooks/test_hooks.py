"""What each hook tells: where a patient stands, what is ordered too early, what a new problem changes."""

from typing import Any

import pytest

from tests.cds_hooks.client import (
    EPIDURAL,
    ICD_10_CM,
    KNEE_MRI,
    LUMBAR_FUSION,
    LUMBAR_MRI,
    NEUROSURGEON,
    Client,
    call,
    drafts,
    order,
)

Json = dict[str, Any]
IN_TRIAL: list[Json] = [
    {"condition": "M51.26", "onset": -40, "id": "disc"},
    {"procedure": "97110", "every": {"from": -30, "to": -2, "step": 7}, "reason": {"ref": "disc"}},
]
BOTH_REGIONS: list[Json] = [*IN_TRIAL, {"condition": "M54.2", "onset": -40, "id": "neck"}]
CAUDA: Json = {"condition": "G83.4", "onset": -1, "id": "cauda"}


def signing(client: Client, given: list[Json], *orders: Json, patient: str = "signed") -> list[Json]:
    prefetch = client.prefetch(client.chart(patient, *given))
    return client.cards(call("order-sign", patient, prefetch, draftOrders=drafts(*orders)))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (LUMBAR_MRI, "an MRI is ordered while the conservative trial still runs"),
        (LUMBAR_FUSION, "a spine surgery is ordered while"),
        (EPIDURAL, "a spinal injection is ordered while"),
        ("72131", "a CT is ordered while"),
        ("62287", "an intradiscal procedure is ordered while"),
    ],
)
def test_what_is_ordered_while_the_trial_runs_is_warned_of(client: Client, code: str, words: str) -> None:
    (card,) = signing(client, IN_TRIAL, order("signed", code))

    assert card["indicator"] == "warning"
    assert card["summary"] == f"Lumbar spine: {words.removesuffix(' while')}" + (
        " while the conservative trial still runs." if words.endswith(" while") else "."
    )
    assert "suggestions" not in card and card["overrideReasons"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([IN_TRIAL[0]], "before a conservative trial has begun"),
        (
            [
                {"condition": "M51.360", "onset": -220},
                {"procedure": "97110", "every": {"from": -200, "to": -3, "step": 7}},
                {"medication": "198014", "from": -190, "supply": 90},
                {"score": "97909-6", "value": 50, "unit": "%", "on": -199},
                {"score": "97909-6", "value": 30, "unit": "%", "on": -9},
            ],
            "while conservative care still helps",
        ),
    ],
)
def test_so_is_what_comes_before_a_trial_or_while_care_helps(
    client: Client, given: list[Json], words: str
) -> None:
    (card,) = signing(client, given, order("signed", LUMBAR_MRI))

    assert card["summary"] == f"Lumbar spine: an MRI is ordered {words}."


def test_orders_of_one_region_are_one_card(client: Client) -> None:
    mri, surgery = order("signed", LUMBAR_MRI), order("signed", LUMBAR_FUSION)
    (card,) = signing(client, IN_TRIAL, mri, surgery, mri)

    assert card["summary"].startswith("Lumbar spine: an MRI and a spine surgery are ordered while")


@pytest.mark.parametrize(
    "ordered",
    [
        order("signed", KNEE_MRI),
        order("signed", "72141"),  # the neck's, where no episode is
        order("signed", "97110"),
        order("signed", LUMBAR_MRI, status="revoked"),
        order("signed", LUMBAR_MRI, doNotPerform=True),
        {"resourceType": "NutritionOrder", "status": "draft"},
        {"resourceType": "MedicationRequest", "no": "resource of R4"},
    ],
    ids=["knee", "neck", "therapy", "revoked", "not to be done", "food", "another type is not read"],
)
def test_other_orders_get_no_card(client: Client, ordered: Json) -> None:
    assert signing(client, IN_TRIAL, ordered) == []


def test_an_order_that_cannot_come_too_early_asks_for_no_chart(client: Client) -> None:
    said = call("order-sign", "signed", draftOrders=drafts(order("signed", KNEE_MRI)))

    assert client.cards(said) == []
    assert client.post("order-sign", {**said, "context": {**said["context"]}}).status_code == 200


def test_an_order_warns_for_the_region_that_it_is_for(client: Client) -> None:
    (card,) = signing(client, BOTH_REGIONS, order("signed", "72141"))

    assert card["summary"].startswith("Cervical spine: an MRI is ordered before")


def test_an_order_says_its_region_by_its_reason(client: Client) -> None:
    reason = {"reasonReference": [{"reference": "Condition/signed-neck"}]}
    (card,) = signing(client, BOTH_REGIONS, order("signed", "241645008", NEUROSURGEON[0], **reason))

    assert card["summary"].startswith("Cervical spine")


def test_a_surgeon_is_warned_of_only_for_the_spine(client: Client) -> None:
    system, code = NEUROSURGEON
    spine = {"reasonCode": [{"coding": [{"system": ICD_10_CM, "code": "M51.26"}]}]}
    (card,) = signing(client, IN_TRIAL, order("signed", code, system, **spine))

    assert "a surgical consultation is ordered" in card["summary"]
    assert signing(client, IN_TRIAL, order("signed", code, system)) == []


def test_a_red_flag_is_told_instead_of_a_warning(client: Client) -> None:
    (card,) = signing(client, [*IN_TRIAL, CAUDA], order("signed", LUMBAR_MRI))

    assert card["indicator"] == "critical"
    assert card["summary"].startswith("Possible red flag recorded on ")


def test_once_care_is_exhausted_nobody_is_warned(client: Client) -> None:
    given = [
        {"condition": "M51.360", "onset": -264},
        {"procedure": "97110", "every": {"from": -210, "to": -40, "step": 7}},
        {"medication": "198014", "from": -212, "supply": 180},
        {"score": "97909-6", "value": 48, "unit": "%", "on": -208},
        {"score": "97909-6", "value": 46, "unit": "%", "on": -12},
        {"imaging": "24968-0", "on": -137},
    ]
    assert signing(client, given, order("signed", LUMBAR_FUSION)) == []


def adding(client: Client, given: list[Json], *added: Json, known: bool = False) -> list[Json]:
    """The problems' own resources are in the context; with `known` the prefetch has them already."""
    chart = client.chart("added", *given, *added)
    new = [one for one in chart if one["id"] in {f"added-{line['id']}" for line in added}]
    prefetch = client.prefetch(chart if known else [one for one in chart if one not in new])
    return client.cards(call("problem-list-item-create", "added", prefetch, conditions=drafts(*new)))


@pytest.mark.parametrize("known", [False, True])
def test_a_problem_that_is_a_red_flag_is_told(client: Client, known: bool) -> None:
    (card,) = adding(client, IN_TRIAL, CAUDA, known=known)

    assert card["indicator"] == "critical"
    (suggestion,) = card["suggestions"]
    assert suggestion["actions"][0]["resource"]["priority"] == "stat"


def test_one_red_flag_for_two_regions_is_one_card(client: Client) -> None:
    assert len(adding(client, BOTH_REGIONS, CAUDA)) == 1


def test_a_sign_that_a_human_must_judge_warns(client: Client) -> None:
    sign = {"condition": "R32", "onset": -3, "id": "bladder"}
    (card,) = adding(client, IN_TRIAL, sign)

    assert (card["indicator"], card["source"]["topic"]["code"]) == ("warning", "review")
    assert card["summary"].startswith("Lumbar spine: a possible red flag is recorded on ")
    assert card["summary"].endswith("; a human has to judge it.")


def test_a_problem_that_opens_an_episode_is_told_and_the_other_region_is_not(client: Client) -> None:
    (card,) = adding(client, IN_TRIAL, {"condition": "M54.2", "onset": -3, "id": "neck"})

    assert card["summary"].startswith("Cervical spine: no conservative trial is under way.")


@pytest.mark.parametrize("code", ["E11.9", "M51.26"])
def test_a_problem_that_changes_nothing_gets_no_card(client: Client, code: str) -> None:
    assert adding(client, IN_TRIAL, {"condition": code, "onset": -3, "id": "more"}) == []


def test_a_problem_without_an_id_counts_too(client: Client) -> None:
    chart = client.chart("added", *IN_TRIAL, CAUDA)
    (new,) = (one for one in chart if one["id"] == "added-cauda")
    prefetch = client.prefetch([one for one in chart if one is not new])
    unnamed = {name: value for name, value in new.items() if name != "id"}

    cards = client.cards(call("problem-list-item-create", "added", prefetch, conditions=drafts(unnamed)))
    assert [one["indicator"] for one in cards] == ["critical"]
