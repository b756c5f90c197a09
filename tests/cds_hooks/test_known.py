"""What this service has proposed for a patient is said, and is offered as the same referral."""

from collections.abc import Iterator
from typing import Any

import pytest

from referral_service.wiring import build_assessor
from tests.api.people import CAUDA, EXHAUSTED, House
from tests.cds_hooks.client import Client, call
from tests.kit.server import running

Json = dict[str, Any]
REFERRAL = "https://spine-referral.example/fhir/referral"


@pytest.fixture(scope="module", params=["letter", "cds-hooks"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A service with its worker, whose orders go out on paper, or as what a card offers."""
    with running(tmp_path_factory.mktemp("known"), destination=request.param) as served:
        yield House(served, build_assessor(served.service.settings, served.service.store))


def told(house: House, patient: str, *given: Json) -> Json:
    """The first card about a patient whom the service knows."""
    client = Client(house.server)
    chart = client.chart(patient, *given)
    return client.cards(call("patient-view", patient, client.prefetch(chart)))[0]


def offered(card: Json) -> Json:
    (suggestion,) = card["suggestions"]
    (action,) = suggestion["actions"]
    found: Json = action["resource"]
    return found


def test_a_proposal_that_waits_is_offered_as_itself(house: House) -> None:
    patient = house.chart(*EXHAUSTED)
    (proposal,) = house.ours(patient, "ServiceRequest")
    card = told(house, patient, *EXHAUSTED)

    assert "This service has proposed it already" in card["detail"]
    assert offered(card)["identifier"] == proposal["identifier"]
    assert offered(card)["intent"] == "proposal"


def test_a_red_flag_that_waits_is_offered_as_itself(house: House) -> None:
    patient = house.chart(*EXHAUSTED, CAUDA)
    (proposal,) = house.ours(patient, "ServiceRequest")
    card = told(house, patient, *EXHAUSTED, CAUDA)

    assert card["indicator"] == "critical"
    assert offered(card)["identifier"] == proposal["identifier"]


def test_an_approved_order_is_offered_only_where_cards_carry_orders(house: House) -> None:
    patient = house.chart(*EXHAUSTED)
    (proposal,) = house.ours(patient, "ServiceRequest")
    assert house.say("approve", proposal).is_success
    card = told(house, patient, *EXHAUSTED)

    assert "approved, is not fulfilled yet" in card["detail"]
    if house.server.service.settings.destination == "letter":
        assert "suggestions" not in card
    else:
        order = offered(card)
        assert (order["intent"], order["status"]) == ("order", "draft")
        value = f"{proposal['identifier'][0]['value']}|order"
        assert order["identifier"] == [{"system": REFERRAL, "value": value}]


def test_what_was_withdrawn_is_not_mentioned(house: House) -> None:
    patient = house.chart(*EXHAUSTED)
    (proposal,) = house.ours(patient, "ServiceRequest")
    assert house.say("withdraw", proposal).is_success
    card = told(house, patient, *EXHAUSTED)

    assert "identifier" not in offered(card) and "already" not in card["detail"]


def test_of_another_patient_s_referral_nothing_is_said(house: House) -> None:
    house.chart(*EXHAUSTED)
    card = told(house, "somebody-else", *EXHAUSTED)

    assert "identifier" not in offered(card)
