"""A CDS client that runs in a browser, as the CDS Hooks sandbox does: preflight, then the call itself."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.cds_hooks.broken import VIEW
from tests.cds_hooks.client import Client
from tests.cds_hooks.signing import ISSUER, new_key, public, sources, token
from tests.kit.server import Running, running

PUBLIC = "https://cds.example"
SANDBOX, STRANGER = "https://sandbox.example", "https://stranger.example"
KEY = new_key()


def preflight(address: str, origin: str, **headers: str) -> httpx.Response:
    """What a browser asks before it sends JSON with a token."""
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return httpx.options(address, headers={**asked, **headers})


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("cross")
    file = sources(folder, {"issuer": ISSUER, "keys": [KEY], "origins": [SANDBOX]})
    with running(folder / "data", sources=file) as served:
        yield served


@pytest.fixture(scope="module")
def authenticating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service whose every other address needs a token of its own."""
    folder: Path = tmp_path_factory.mktemp("authenticating")
    file = sources(folder, {"issuer": ISSUER, "keys": [KEY], "origins": [f"{SANDBOX}/"]})
    access = folder / "access.yaml"
    access.write_text(
        yaml.safe_dump({"clients": {"north": {"scopes": "system/*.rs", "jwks": public(new_key())}}})
    )
    with running(folder / "data", sources=file, auth="smart", access=access, public_url=PUBLIC) as served:
        yield served


@pytest.mark.parametrize("path", ["", "/patient-view", "/order-sign/feedback"])
def test_without_authentication_any_page_may_call(client: Client, path: str) -> None:
    answer = preflight(f"{client.address}{path}", STRANGER)

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert "authorization" in allowed and "content-type" in allowed
    assert "access-control-allow-credentials" not in answer.headers


def test_a_page_may_reach_a_service_on_its_user_s_own_machine(client: Client) -> None:
    answer = preflight(client.address, STRANGER, **{"Access-Control-Request-Private-Network": "true"})

    assert answer.headers["access-control-allow-private-network"] == "true"


@pytest.mark.parametrize(
    "said", [{}, VIEW, {**VIEW, "hook": "order-sign"}], ids=["empty", "412", "other hook"]
)
def test_a_page_can_read_refusals_too(client: Client, said: dict[str, object]) -> None:
    answer = httpx.post(f"{client.address}/patient-view", json=said, headers={"Origin": STRANGER})

    assert answer.status_code in (400, 412)
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "path", ["/fhir/metadata", "/fhir/Patient", "/worklist", "/livez", "/cds-services-2"]
)
def test_no_other_address_is_open_to_other_pages(client: Client, path: str) -> None:
    address = f"{client.server.address}{path}"

    assert "access-control-allow-origin" not in preflight(address, STRANGER).headers
    assert "access-control-allow-origin" not in httpx.get(address, headers={"Origin": STRANGER}).headers


def test_where_authentication_is_on_the_pages_of_named_clients_alone_may_call(
    authenticating: Running,
) -> None:
    address = f"{authenticating.address}/cds-services/patient-view"
    answers = {origin: preflight(address, origin) for origin in (SANDBOX, STRANGER, "null")}

    assert answers[SANDBOX].headers["access-control-allow-origin"] == SANDBOX
    assert [answers[origin].status_code for origin in (STRANGER, "null")] == [400, 400]
    assert all("access-control-allow-origin" not in answers[one].headers for one in (STRANGER, "null"))


def test_where_clients_are_named_their_pages_alone_may_call(guarded: Running) -> None:
    private = {"Access-Control-Request-Private-Network": "true"}
    for path in ("", "/patient-view", "/order-sign/feedback"):
        address = f"{guarded.address}/cds-services{path}"
        assert preflight(address, SANDBOX).headers["access-control-allow-origin"] == SANDBOX
        for origin in (STRANGER, "null"):
            refused = preflight(address, origin, **private)
            assert refused.status_code == 400
            read = httpx.get(address, headers={"Origin": origin})
            for answer in (refused, read):
                assert "access-control-allow-origin" not in answer.headers
                assert "access-control-allow-private-network" not in answer.headers


def test_a_token_is_for_the_address_that_the_service_is_known_by(authenticating: Running) -> None:
    address = f"{authenticating.address}/cds-services/patient-view"
    statuses = []
    for aud in (f"{PUBLIC}/cds-services/patient-view", address):
        text = token(authenticating, "", KEY, aud=aud)
        headers = {"Origin": SANDBOX, "Authorization": f"Bearer {text}"}
        answer = httpx.post(address, json=VIEW, headers=headers)
        assert answer.headers["access-control-allow-origin"] == SANDBOX
        statuses.append(answer.status_code)
    assert statuses == [412, 401]


def test_a_preflight_needs_no_token_and_the_call_does(guarded: Running) -> None:
    address = f"{guarded.address}/cds-services/patient-view"
    assert preflight(address, SANDBOX).status_code == 200

    headers = {"Origin": SANDBOX}
    assert httpx.post(address, json=VIEW, headers=headers).status_code == 401
    headers["Authorization"] = f"Bearer {token(guarded, '/patient-view', KEY)}"
    assert httpx.post(address, json=VIEW, headers=headers).status_code == 412


def test_what_is_counted_names_the_route_and_nobody(client: Client) -> None:
    preflight(f"{client.address}/patient-view", STRANGER)
    client.post("patient-view", VIEW)
    client.post("patient-view/feedback", {})

    told = httpx.get(f"{client.server.address}/metrics").text
    counted = [line for line in told.splitlines() if line.startswith("http_request_seconds_count")]
    named = {line.partition('what="')[2].partition('"')[0] for line in counted}
    assert {"/cds-services", "/cds-services/{name}", "/cds-services/{name}/feedback"} <= named
