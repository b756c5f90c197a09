"""A body of any size, chunk by chunk: its beginning within the deadline, each silence bounded."""

from gzip import compress
from time import monotonic, sleep
from typing import Any

import pytest
from msgspec.structs import replace

from referral_service.core.problem import Category, Problem
from referral_service.ehr.calls import Calls
from referral_service.ehr.connection import Sending
from referral_service.ehr.endpoint import Limits
from tests.ehr.conftest import Client
from tests.ehr.other_side import Talk, cuts_in_the_body, gives, is_silent, other_side, patient, says

NDJSON = {"Accept": "application/fhir+ndjson"}
SHORT = Limits(answer_bytes=10, tries=2, backoff_seconds=0.01, read_seconds=0.7)


def streamed(calls: Calls, address: str, **more: Any) -> bytes:
    with calls.stream(Sending("GET", calls.address(address), NDJSON), **more) as chunks:
        return b"".join(chunks)


def test_a_body_may_be_larger_and_slower_than_an_answer(client: Client) -> None:
    lines = b'{"resourceType": "Patient"}\n' * 1000

    def slowly(talk: Talk) -> None:
        talk.send_response_only(200)
        talk.send_header("Content-Length", str(4 * len(lines)))
        talk.end_headers()
        for _ in range(4):
            sleep(0.6)
            talk.wfile.write(lines)

    with other_side(says(500), slowly) as side:
        ehr = client(side.fhir, replace(SHORT, read_seconds=10.0), timeout_seconds=2.0)
        assert streamed(ehr.calls, f"{side.address}/file") == 4 * lines


def test_a_compressed_body_is_unpacked(client: Client) -> None:
    with other_side(says(200, compress(b"x" * 100_000), Content_Encoding="gzip")) as side:
        assert streamed(client(side.fhir).calls, f"{side.address}/file") == b"x" * 100_000


def test_a_body_that_is_cut_or_stops_is_interrupted(client: Client) -> None:
    def stops(talk: Talk) -> None:
        talk.send_response_only(200)
        talk.send_header("Content-Length", "1000")
        talk.end_headers()
        is_silent(talk)

    for reply in (cuts_in_the_body, stops):
        with other_side(reply) as side:
            start = monotonic()
            with pytest.raises(Problem) as caught:
                streamed(client(side.fhir, SHORT).calls, f"{side.address}/file")
            assert caught.value.category is Category.INTERRUPTED
            assert monotonic() - start < 3.0
            assert len(side.asked) == 1


def test_a_file_may_be_asked_for_without_the_token(client: Client) -> None:
    with other_side(gives(patient("1"))) as side:
        calls = client(side.fhir, bearer="secret").calls
        streamed(calls, f"{side.address}/file")
        streamed(calls, f"{side.address}/file", with_token=False)
        assert [one.headers["Authorization"] for one in side.asked] == ["Bearer secret", None]
        with pytest.raises(Problem):
            streamed(calls, "http://evil.example/file")


def test_without_the_token_a_401_is_the_answer(client: Client) -> None:
    with other_side(says(401)) as side:
        calls = client(side.fhir, client_id="us").calls
        with pytest.raises(Problem) as caught:
            streamed(calls, f"{side.address}/file", with_token=False)
        assert caught.value.category is Category.FORBIDDEN
        assert len(side.asked) == 1


def test_what_the_reader_of_the_chunks_does_wrong_stays_its_own(client: Client) -> None:
    with other_side(says(200, b"\xff")) as side:
        calls = client(side.fhir).calls
        with (
            pytest.raises(UnicodeDecodeError),
            calls.stream(Sending("GET", calls.address(side.fhir), NDJSON)) as chunks,
        ):
            b"".join(chunks).decode()
