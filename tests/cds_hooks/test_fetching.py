"""A chart that was prefetched in part or not at all: the rest comes from the client's own FHIR server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from referral_service.fake_ehr.server import FakeEhr, Faults, Manners, serve
from tests.api.people import EXHAUSTED
from tests.cds_hooks.client import Client, call, drafts, order, prefetched
from tests.cds_hooks.signing import ISSUER, bearing, new_key, sources, token
from tests.cds_hooks.test_hooks import CAUDA, IN_TRIAL
from tests.kit.processes import until
from tests.kit.server import Running, running

Json = dict[str, Any]
SECRET = "the-token-of-this-one-call"
KEY = new_key()


@pytest.fixture
def ehr() -> Iterator[tuple[FakeEhr, str]]:
    """A FHIR server of the client's; its pages are small."""
    found = FakeEhr(manners=Manners(page_size=7))
    with serve(found) as address:
        yield found, address


def asking(address: str, hook: str, patient: str, prefetch: Json | None = None, **context: Any) -> Json:
    return {
        **call(hook, patient, prefetch, **context),
        "fhirServer": address,
        "fhirAuthorization": {
            "access_token": SECRET,
            "token_type": "Bearer",
            "expires_in": 60,
            "scope": "patient/*.rs",
            "subject": "cds",
        },
    }


def outcome(card: Json) -> str:
    return str(card["source"]["topic"]["code"])


@pytest.mark.parametrize("hook", ["patient-view", "order-sign", "problem-list-item-create"])
@pytest.mark.parametrize("given", ["all", "some", "none"])
def test_whatever_was_prefetched_the_cards_are_the_same(
    client: Client, ehr: tuple[FakeEhr, str], hook: str, given: str
) -> None:
    server, address = ehr
    chart = client.chart("fetched", *IN_TRIAL, CAUDA)
    flag = next(one for one in chart if one["id"] == "fetched-cauda")
    known = chart if hook != "problem-list-item-create" else [one for one in chart if one is not flag]
    server.load(known)
    prefetch: Json | None = client.prefetch(known)
    assert prefetch
    if given == "some":
        prefetch = {key: prefetch[key] for key in ("patient", "conditions", "allergies")}
    context = {
        "order-sign": {"draftOrders": drafts(order("fetched", "72148"))},
        "problem-list-item-create": {"conditions": drafts(flag)},
    }.get(hook, {})

    said = asking(address, hook, "fetched", None if given == "none" else prefetch, **context)
    cards = client.cards(said)
    assert [one["indicator"] for one in cards] == ["critical"]
    asked = sum(number for (method, _), number in server.requests.items() if method == "GET")
    assert (asked == 0) == (given == "all")


def test_a_chart_of_many_pages_is_read_to_its_end(client: Client, ehr: tuple[FakeEhr, str]) -> None:
    server, address = ehr
    server.load(client.chart("long", *EXHAUSTED))

    (card,) = client.cards(asking(address, "patient-view", "long"))
    assert outcome(card) == "exhausted"
    # this server cannot search by value-concept; it is not needed, and the card says so
    assert "Not looked at, because it was not sent: findings." in card["detail"]


def test_what_the_server_has_and_is_no_fhir_is_named(client: Client, ehr: tuple[FakeEhr, str]) -> None:
    server, address = ehr
    chart = client.chart("untidy", *EXHAUSTED)
    (first, *_) = (one for one in chart if one["resourceType"] == "Observation")
    server.load([*chart, {**first, "effectiveDateTime": "in spring"}])

    answer = client.post("patient-view", asking(address, "patient-view", "untidy"))
    assert answer.status_code == 412
    (issue,) = answer.json()["issue"]
    assert issue["expression"][0].startswith("fhirServer.scores[")
    assert issue["expression"][0].endswith("].effectiveDateTime")
    assert "spring" not in answer.text


def test_of_another_patient_nothing_is_taken(client: Client, ehr: tuple[FakeEhr, str]) -> None:
    server, address = ehr
    server.load(client.chart("other", *EXHAUSTED))
    server.load(client.chart("none"))

    assert client.cards(asking(address, "patient-view", "none")) == []


@pytest.mark.parametrize(
    "faults",
    [Faults(busy=1.0), Faults(error_before=1.0), Faults(html=1.0), Faults(cut_request=1.0)],
    ids=["429", "5xx", "HTML", "cut"],
)
def test_a_server_that_does_not_answer_leaves_the_chart_too_small(
    client: Client, ehr: tuple[FakeEhr, str], faults: Faults
) -> None:
    server, address = ehr
    server.load(client.chart("gone", *EXHAUSTED))
    server.faults = faults

    answer = client.post("patient-view", asking(address, "patient-view", "gone"))
    assert answer.status_code == 412
    assert SECRET not in answer.text


def test_what_was_prefetched_is_judged_though_the_server_is_away(client: Client) -> None:
    chart = client.chart("away", *EXHAUSTED)
    prefetch = {
        key: value for key, value in client.prefetch(chart).items() if key not in ("consents", "findings")
    }

    (card,) = client.cards(asking("http://127.0.0.1:9/fhir", "patient-view", "away", prefetch))
    assert outcome(card) == "exhausted"
    assert "it was not sent: findings, consents." in card["detail"]


def test_without_a_token_an_open_server_is_asked_as_it_is(client: Client, ehr: tuple[FakeEhr, str]) -> None:
    server, address = ehr
    server.load(client.chart("open", *EXHAUSTED))
    said = {**call("patient-view", "open"), "fhirServer": address}

    assert len(client.cards(said)) == 1


def test_a_server_that_the_client_s_entry_does_not_name_is_never_asked(
    tmp_path: Path, ehr: tuple[FakeEhr, str]
) -> None:
    server, address = ehr
    named = {"issuer": ISSUER, "keys": [KEY], "origins": [address.removesuffix("/fhir")]}
    statuses = []
    for origins in (named["origins"], ["https://ehr.example", "http://127.0.0.1:9"], []):
        folder = tmp_path / str(len(statuses))
        with running(folder / "data", sources=sources(folder, {**named, "origins": origins})) as served:
            chart = Client(served).chart("named", *EXHAUSTED)
            server.load(chart)
            asked = sum(server.requests.values())
            text = token(served, "/patient-view", KEY)
            statuses.append(
                bearing(served, text)
                .post("patient-view", asking(address, "patient-view", "named"))
                .status_code
            )
            assert (sum(server.requests.values()) > asked) == (statuses[-1] == 200)
    assert statuses == [200, 412, 412]


def test_nothing_of_chart_or_token_is_stored_or_logged(
    server: Running, client: Client, ehr: tuple[FakeEhr, str], capfd: pytest.CaptureFixture[str]
) -> None:
    there, address = ehr
    there.load(client.chart("quiet-patient", *EXHAUSTED))
    before = server.dump()

    assert client.cards(asking(address, "patient-view", "quiet-patient"))
    assert server.dump() == before
    logged: list[str] = []

    def is_logged() -> bool:
        """The line of the request comes after its answer."""
        logged.extend(capfd.readouterr())
        return "what=/cds-services/{name}" in "".join(logged)

    until(is_logged, "the line of the request")
    assert SECRET not in "".join(logged) and "quiet-patient" not in "".join(logged)


def test_templates_are_filled_as_they_stand(client: Client) -> None:
    """A client may answer with what it has under our keys, whatever it has made of the templates."""
    chart = client.chart("keys", *EXHAUSTED)

    assert prefetched(client.templates(), chart).keys() == client.templates().keys()
