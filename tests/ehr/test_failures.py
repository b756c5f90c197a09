"""Each way in which the other side fails is one category, in time, and is repeated only if that is safe."""

from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from gzip import compress
from socket import create_server
from threading import Event, Thread
from time import monotonic, time
from typing import Any

import pytest

from referral_service.core.problem import Category, Problem
from referral_service.ehr.client import EhrClient
from referral_service.ehr.endpoint import Limits
from tests.ehr.conftest import Client
from tests.ehr.other_side import (
    OtherSide,
    Reply,
    cuts_at_once,
    cuts_in_the_body,
    drips_its_body,
    drips_its_head,
    free_port,
    gives,
    is_silent,
    other_side,
    patient,
    says,
)

BUNDLE: dict[str, Any] = {"resourceType": "Bundle", "type": "transaction", "entry": []}


def problem_of(ehr: EhrClient, does: str) -> Problem:
    with pytest.raises(Problem) as caught:
        if does == "search":
            list(ehr.search("Patient", [("identifier", "urn:x|secret")]))
        elif does == "update":
            ehr.update(patient("1"))
        else:
            ehr.transaction(BUNDLE)
    return caught.value


@pytest.mark.parametrize("does", ["search", "update", "transaction"])
@pytest.mark.parametrize(
    ("status", "category"),
    [
        (300, Category.FAULT),
        (304, Category.FAULT),
        (400, Category.INCORRECT),
        (401, Category.FORBIDDEN),
        (403, Category.FORBIDDEN),
        (404, Category.NOT_FOUND),
        (405, Category.INCORRECT),
        (408, Category.INTERRUPTED),
        (409, Category.CONFLICT),
        (410, Category.NOT_FOUND),
        (412, Category.CONFLICT),
        (413, Category.INCORRECT),
        (415, Category.INCORRECT),
        (422, Category.REFUSED),
        (429, Category.BUSY),
        (500, Category.INTERRUPTED),
        (502, Category.INTERRUPTED),
        (503, Category.INTERRUPTED),
        (504, Category.INTERRUPTED),
    ],
)
def test_each_status_has_its_category(client: Client, status: int, category: Category, does: str) -> None:
    with other_side(says(status, b'{"resourceType": "OperationOutcome", "text": "secret"}')) as side:
        error = problem_of(client(side.fhir), does)
        assert error.category is category
        assert str(error) == f"The other side answered {status}."
        repeated = does == "search" and category in (Category.INTERRUPTED, Category.BUSY)
        assert len(side.asked) == (3 if repeated else 1)


@pytest.mark.parametrize("does", ["search", "update", "transaction"])
@pytest.mark.parametrize("reply", [cuts_at_once, cuts_in_the_body, says(500)])
def test_a_write_that_may_have_arrived_is_never_repeated(client: Client, reply: Reply, does: str) -> None:
    with other_side(reply) as side:
        assert problem_of(client(side.fhir), does).category is Category.INTERRUPTED
        assert len(side.asked) == (3 if does == "search" else 1)


@pytest.mark.parametrize("reply", [is_silent, drips_its_head, drips_its_body])
@pytest.mark.parametrize("does", ["search", "transaction"])
def test_a_slow_answer_is_cut_at_the_deadline(client: Client, reply: Reply, does: str) -> None:
    with other_side(reply) as side:
        start = monotonic()
        error = problem_of(client(side.fhir, timeout_seconds=0.5), does)
        assert error.category is Category.INTERRUPTED
        assert monotonic() - start < 2.0
        assert does == "search" or len(side.asked) == 1


def test_a_silence_is_cut_before_the_deadline_if_asking_again_is_safe(client: Client) -> None:
    with other_side(is_silent, gives(patient("1"))) as side:
        ehr = client(side.fhir, Limits(read_seconds=0.3, backoff_seconds=0.01))
        assert ehr.read("Patient/1") == patient("1")
        assert 0.3 <= side.asked[1].at - side.asked[0].at < 2.0


@contextmanager
def reading(bytes_each_time: int) -> Iterator[str]:
    """A server that reads so little twenty times a second, and never answers."""
    ends = Event()

    def read() -> None:
        talk, _ = listening.accept()
        with talk:
            while not ends.wait(0.05):
                talk.recv(bytes_each_time)

    with create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=read, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/fhir"
        ends.set()
        thread.join()


@pytest.mark.parametrize("bytes_each_time", [0, 100_000])
def test_a_side_that_hardly_reads_is_cut_at_the_deadline(client: Client, bytes_each_time: int) -> None:
    with reading(bytes_each_time) as address:
        ehr = client(address, timeout_seconds=0.4)
        start = monotonic()
        with pytest.raises(Problem) as caught:
            ehr.transaction(BUNDLE | {"id": "x" * 40_000_000})
        assert caught.value.category is Category.INTERRUPTED
        # Reading all of it would take twenty seconds; a busy machine takes one to write it down.
        assert monotonic() - start < 5.0


@pytest.mark.parametrize("does", ["search", "transaction"])
def test_a_refused_connection_is_tried_again_and_says_that_nothing_arrived(client: Client, does: str) -> None:
    port = free_port()
    ehr = client(f"http://127.0.0.1:{port}/fhir", Limits(tries=4, backoff_seconds=0.01))
    error = problem_of(ehr, does)
    assert error.category is Category.UNAVAILABLE
    assert str(error) == "The other side was not reached."


def test_a_side_without_tls_was_not_reached(client: Client) -> None:
    with other_side(gives(patient("1"))) as side:
        ehr = client(side.fhir.replace("http://", "https://"))
        assert problem_of(ehr, "transaction").category is Category.UNAVAILABLE
        assert side.asked == []


def test_a_name_that_nobody_has_was_not_reached(client: Client) -> None:
    for host in ("nobody.invalid", f"{'a' * 70}.invalid"):
        ehr = client(f"http://{host}/fhir", Limits(tries=1))
        assert problem_of(ehr, "transaction").category is Category.UNAVAILABLE


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>Please log in, secret</body></html>",
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"resourceType": "Secret"}',
        b'{"id": "1"}',
        b'{"resourceType": "Bundle", "resourceType": "Bundle"}',
        b'{"resourceType": "Bundle", "entry": ' + b"[" * 100_000,
        b'{"resourceType": "Bundle", "extension": ' + b'[{"extension": ' * 40 + b"[]" + b"}]" * 40 + b"}",
        b'{"resourceType": "Bundle", "total": \xff}',
        b'{"resourceType": "Bundle", "total": 1e999999}',
    ],
    ids=[
        "html",
        "empty",
        "half",
        "list",
        "null",
        "type",
        "no type",
        "twice",
        "deep",
        "nested",
        "utf8",
        "number",
    ],
)
@pytest.mark.parametrize("does", ["search", "transaction"])
def test_what_is_not_fhir_is_a_fault(client: Client, body: bytes, does: str) -> None:
    with other_side(says(200, body, Content_Type="text/html")) as side:
        error = problem_of(client(side.fhir), does)
        assert error.category is Category.FAULT
        assert "secret" not in str(error).lower()
        assert len(side.asked) == 1


SMALL = Limits(answer_bytes=1000, tries=1)
WHOLE = b'{"resourceType": "Bundle"}'


@pytest.mark.parametrize(
    "reply",
    [
        says(200, WHOLE.ljust(1001)),
        says(200, compress(WHOLE.ljust(1_000_000)), Content_Encoding="gzip"),
        says(200, compress(compress(WHOLE)), Content_Encoding="gzip, gzip"),
        says(200, WHOLE, Content_Encoding="gzip"),
        says(200, WHOLE, Content_Encoding="br"),
    ],
    ids=["plain", "unpacked", "packed twice", "not packed", "not asked for"],
)
def test_an_answer_that_is_too_large_or_cannot_be_unpacked_is_a_fault(client: Client, reply: Reply) -> None:
    with other_side(reply) as side:
        assert problem_of(client(side.fhir, SMALL), "search").category is Category.FAULT


def test_an_answer_is_read_up_to_its_bound_and_unpacked(client: Client) -> None:
    body = b'{"resourceType": "Patient", "id": "1"}'.ljust(1000)
    with other_side(says(200, body), says(200, compress(body), Content_Encoding="gzip")) as side:
        ehr = client(side.fhir, SMALL)
        assert ehr.read("Patient/1") == ehr.read("Patient/1") == patient("1")


def in_seconds(seconds: float, since: float = 0.0) -> dict[str, str]:
    """The headers of a server that names an instant, its clock `since` seconds before ours."""
    at = time() - since
    return {"Retry_After": formatdate(at + seconds, usegmt=True), "Date": formatdate(at, usegmt=True)}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"Retry_After": "0"}, 0.0),
        ({"Retry_After": "9" * 5000}, 3600.0),
        (in_seconds(60), 60.0),
        (in_seconds(60, since=5000), 60.0),
        (in_seconds(-60), 0.0),
        (in_seconds(100_000), 3600.0),
    ],
)
def test_how_long_to_wait_is_told_on(
    client: Client, status: int, headers: dict[str, str], wait: float
) -> None:
    with other_side(says(status, **headers)) as side:
        error = problem_of(client(side.fhir), "transaction")
        assert error.category is Category.BUSY
        assert error.wait_seconds == pytest.approx(wait, abs=1.0)
        assert len(side.asked) == 1


def test_an_instant_is_held_against_our_clock_where_theirs_is_not_told(client: Client) -> None:
    with other_side(says(429, Retry_After=formatdate(time() + 60, usegmt=True))) as side:
        assert problem_of(client(side.fhir), "transaction").wait_seconds == pytest.approx(60, abs=2.0)


@pytest.mark.parametrize("text", ["soon", "-1", "٣", "Fri, 99 Foo 2026 99:99:99 GMT", ""])
def test_a_wait_that_cannot_be_read_is_none(client: Client, text: str) -> None:
    with other_side(says(429, Retry_After=text.encode().decode("latin-1"))) as side:
        assert problem_of(client(side.fhir), "transaction").wait_seconds is None


def test_a_wait_that_was_told_is_kept(client: Client) -> None:
    with other_side(says(429, Retry_After="1"), gives(patient("1"))) as side:
        assert client(side.fhir).read("Patient/1") == patient("1")
        assert 1.0 <= side.asked[1].at - side.asked[0].at < 2.0


def test_a_wait_beyond_the_deadline_is_not_begun(client: Client) -> None:
    with other_side(says(503, Retry_After="30")) as side:
        start = monotonic()
        error = problem_of(client(side.fhir), "search")
        assert (error.category, error.wait_seconds) == (Category.BUSY, 30.0)
        assert monotonic() - start < 2.0
        assert len(side.asked) == 1


def gaps(side: OtherSide) -> list[float]:
    return [after.at - before.at for before, after in zip(side.asked, side.asked[1:], strict=False)]


def test_retries_are_spread_at_random(client: Client) -> None:
    """Full jitter: a pause lies anywhere between none and a bound that doubles."""
    with other_side(says(500)) as side:
        limits = Limits(tries=6, backoff_seconds=0.04, failures=1000)
        problem_of(client(side.fhir, limits), "search")
        found = gaps(side)
    assert len(found) == 5
    assert all(gap < 0.04 * 2**turn + 0.5 for turn, gap in enumerate(found))
    assert len({round(gap, 4) for gap in found}) > 1
