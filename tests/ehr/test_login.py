"""SMART Backend Services: where we ask for a token, how long we use it, and what its failures mean."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from msgspec.structs import replace

from referral_service.core.problem import Category, Problem
from referral_service.ehr.connection import Connection
from referral_service.ehr.endpoint import Endpoint
from referral_service.ehr.login import Login
from referral_service.ehr.transport import Deadline
from tests.ehr.conftest import Client, Watch
from tests.ehr.other_side import (
    QUICK,
    Reply,
    by_path,
    cuts_at_once,
    cuts_in_the_body,
    gives,
    in_turn,
    is_silent,
    other_side,
    page,
    patient,
    says,
)
from tests.ehr.smart_side import BUNDLE, WELL_KNOWN, grants, refused, sent, server, takes
from tests.kit.processes import until


def test_a_token_endpoint_that_is_known_is_not_looked_for(client: Client, key_file: Path) -> None:
    with server(grants()) as side:
        # As it is spelled, for that is what the other side compares.
        spelled = side.address.replace("http", "HTTP", 1) + "/token"
        client(side.fhir, client_id="us", key_file=key_file, token_url=spelled, scope="").read("Patient/1")
        assert side.paths == ["/token", "/fhir/Patient/1"]
        (form,) = sent(side)
        assert "scope" not in form
        key = ECKey.import_key(key_file.read_bytes())
        assert jwt.decode(form["client_assertion"][0], key, algorithms=["ES384"]).claims["aud"] == spelled


def test_a_token_is_used_until_shortly_before_its_end(client: Client, key_file: Path, watch: Watch) -> None:
    with server(grants(expires_in="100")) as side:
        ehr = client(side.fhir, client_id="us", key_file=key_file)
        ehr.read("Patient/1")
        ehr.read("Patient/1")
        watch.passes(89)
        ehr.read("Patient/1")
        assert len(sent(side)) == 1
        watch.passes(2)
        ehr.read("Patient/1")
        assert [one.headers["Authorization"] for one in side.asked if "Patient" in one.path] == [
            *["Bearer token-1"] * 3,
            "Bearer token-2",
        ]
        assert side.paths.count(WELL_KNOWN) == 1
        assertions = [form["client_assertion"][0] for form in sent(side)]
        key = ECKey.import_key(key_file.read_bytes())
        ids = {jwt.decode(one, key, algorithms=["ES384"]).claims["jti"] for one in assertions}
        assert len(ids) == 2


def test_threads_share_one_login(client: Client, key_file: Path) -> None:
    with server(grants()) as side:
        ehr = client(side.fhir, client_id="us", key_file=key_file)
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(ehr.read, ["Patient/1"] * 32))
        assert found == [patient("1")] * 32
        assert len(sent(side)) == 1


@pytest.mark.parametrize("does", ["read", "transaction"])
def test_a_token_that_is_not_taken_any_more_is_renewed_once(
    client: Client, key_file: Path, does: str
) -> None:
    done = {"resourceType": "Bundle", "type": "transaction-response"}
    answers = in_turn(gives(patient("1")), says(401), gives(patient("1") if does == "read" else done))
    with server(grants(), answers) as side:
        ehr = client(side.fhir, client_id="us", key_file=key_file)
        ehr.read("Patient/1")
        assert (
            (ehr.read("Patient/1") == patient("1")) if does == "read" else (ehr.transaction(BUNDLE) == done)
        )
        assert [
            one.headers["Authorization"]
            for one in side.asked
            if one.path.startswith("/fhir/P") or one.path == "/fhir"
        ] == [
            "Bearer token-1",
            "Bearer token-1",
            "Bearer token-2",
        ]


def test_a_second_401_is_the_answer(client: Client, key_file: Path) -> None:
    with server(grants(), says(401)) as side:
        refused(client(side.fhir, client_id="us", key_file=key_file), Category.FORBIDDEN)
        assert side.paths.count("/fhir/Patient/1") == side.paths.count("/fhir") == 2


def test_a_given_token_is_used_as_it_is_and_never_renewed(client: Client, key_file: Path) -> None:
    with server(grants(), takes("given")) as side:
        assert client(side.fhir, client_id="us", key_file=key_file, bearer="given").read("Patient/1")
        refused(client(side.fhir, client_id="us", key_file=key_file, bearer="old"), Category.FORBIDDEN)
        assert side.paths == ["/fhir/Patient/1", "/fhir/Patient/1", "/fhir"]


@pytest.mark.parametrize("bearer", ["two words", "line\r\nX-Injected: 1", "ünicode"])
def test_a_token_that_cannot_be_sent_is_not(client: Client, bearer: str, key_file: Path) -> None:
    with server(gives({"access_token": bearer, "expires_in": 300})) as side:
        assert bearer not in refused(client(side.fhir, bearer=bearer), Category.FORBIDDEN)
        assert side.asked == []
        assert bearer not in refused(client(side.fhir, client_id="us", key_file=key_file), Category.FORBIDDEN)
        assert "/fhir" not in side.paths


@pytest.mark.parametrize(
    ("token", "category"),
    [
        (says(400, b'{"error": "invalid_client"}'), Category.FORBIDDEN),
        (says(401), Category.FORBIDDEN),
        (says(403), Category.FORBIDDEN),
        (says(404), Category.FORBIDDEN),
        (says(409), Category.FORBIDDEN),
        (says(422), Category.FORBIDDEN),
        (says(429, Retry_After="40"), Category.BUSY),
        (says(500), Category.UNAVAILABLE),
        (cuts_at_once, Category.UNAVAILABLE),
        (cuts_in_the_body, Category.UNAVAILABLE),
        (says(200, b"<html>"), Category.FAULT),
        (says(200, b"[" * 100_000), Category.FAULT),
        (gives({"token_type": "bearer"}), Category.FAULT),
        (gives({"access_token": "x", "token_type": "mac"}), Category.FAULT),
    ],
)
def test_a_login_that_fails_never_looks_like_an_answer(
    client: Client, key_file: Path, token: Reply, category: Category
) -> None:
    """Above all a 404 there does not mean that there is no such patient, nor a 500 a write in doubt."""
    with server(token) as side:
        refused(client(side.fhir, client_id="us", key_file=key_file), category)
        assert "/fhir" not in side.paths and "/fhir/Patient/1" not in side.paths


def test_a_login_that_is_slow_does_not_hold_up_more_than_the_deadline(client: Client, key_file: Path) -> None:
    with server(is_silent) as side:
        ehr = client(side.fhir, client_id="us", key_file=key_file, timeout_seconds=0.4)

        def outcome(_: int) -> Category:
            with pytest.raises(Problem) as caught:
                ehr.transaction(BUNDLE)
            return caught.value.category

        with ThreadPoolExecutor(3) as threads:
            assert set(threads.map(outcome, range(3))) == {Category.UNAVAILABLE}


def test_who_waits_for_anothers_login_waits_no_longer_than_its_deadline(key_file: Path) -> None:
    with server(is_silent) as side:
        endpoint = Endpoint(url=side.fhir, client_id="us", key_file=key_file)
        with (
            closing(Connection(endpoint, replace(QUICK, read_seconds=20.0))) as connection,
            ThreadPoolExecutor(1) as threads,
        ):
            login = Login(endpoint, connection)
            first = threads.submit(login.token, Deadline(20.0))
            until(lambda: bool(side.asked), "the first asks")
            with pytest.raises(Problem) as caught:
                login.token(Deadline(0.1))
            assert caught.value.category is Category.UNAVAILABLE
            assert not first.done()
            side.ends.set()
            assert isinstance(first.exception(), Problem)


def test_who_hears_late_of_a_401_does_not_give_up_a_newer_token(key_file: Path) -> None:
    with server(grants()) as side:
        endpoint = Endpoint(url=side.fhir, client_id="us", key_file=key_file)
        with closing(Connection(endpoint, QUICK)) as connection:
            login = Login(endpoint, connection)
            assert login.token(Deadline(1.0)) == "token-1"
            assert login.gives_up("token-0")
            assert login.token(Deadline(1.0)) == "token-1"
            assert login.gives_up("token-1")
            assert login.token(Deadline(1.0)) == "token-2"


@pytest.mark.parametrize("found", [says(404), gives({}), gives({"token_endpoint": 5}), says(200, b"<html>")])
def test_a_server_without_discovery_cannot_be_logged_in_to(
    client: Client, key_file: Path, found: Reply
) -> None:
    with other_side(by_path({WELL_KNOWN: found})) as side, pytest.raises(Problem) as caught:
        client(side.fhir, client_id="us", key_file=key_file).read("Patient/1")
    assert caught.value.category in (Category.FORBIDDEN, Category.FAULT)


def test_a_token_endpoint_that_moved_is_looked_for_again(client: Client, key_file: Path) -> None:
    def found(path: str) -> Reply:
        return lambda talk: gives({"token_endpoint": talk.side.address + path})(talk)

    routes = {
        WELL_KNOWN: in_turn(found("/old"), found("/new")),
        "/old": in_turn(gives({"access_token": "first", "expires_in": 0}), says(404)),
        "/new": grants(),
        "/fhir/Patient": gives(page()),
    }
    with other_side(by_path(routes)) as side:
        ehr = client(side.fhir, client_id="us", key_file=key_file)
        assert list(ehr.search("Patient", [])) == []
        with pytest.raises(Problem):
            list(ehr.search("Patient", []))
        assert list(ehr.search("Patient", [])) == []
        assert side.asked[-1].headers["Authorization"] == "Bearer token-1"
