"""Red flags reach an open page within seconds: the stream of events that it listens to."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from time import monotonic

import httpx

from tests.api.people import CAUDA, House
from tests.worklist.browsing import Coordinator
from tests.worklist.people import named
from tests.worklist.test_lists import fill

PATIENCE = 10.0


@contextmanager
def listening(house: House) -> Iterator[Iterator[str]]:
    """What an open page hears: the data of each event."""
    timeout = httpx.Timeout(PATIENCE)
    with (
        httpx.Client(base_url=house.server.address, timeout=timeout) as http,
        http.stream("GET", "/worklist/events") as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        yield (line.removeprefix("data: ") for line in stream.iter_lines() if line.startswith("data: "))


def test_a_red_flag_and_its_acknowledgement_are_heard_within_seconds(house: House, nora: Coordinator) -> None:
    with listening(house) as events:
        before = next(events)
        began = monotonic()
        patient = Thread(target=house.chart, args=(CAUDA,), kwargs={"patient": "mona"})
        patient.start()
        with_flag = next(events)
        patient.join()
        assert monotonic() - began < PATIENCE
        nora.see("/worklist/list/red-flag")
        nora.open("Patient/mona")
        nora.do("acknowledge")
        acknowledged = next(events)

    assert len({before, with_flag, acknowledged}) == 3
    assert "mona" not in before + with_flag + acknowledged


def test_a_name_that_comes_after_the_flag_is_heard(house: House) -> None:
    patient = house.chart(CAUDA)
    with listening(house) as events:
        nameless = next(events)
        house.server.put({"resourceType": "Patient", "id": patient, "name": [{"text": "Olga Pine"}]})
        assert next(events) != nameless


def test_a_red_flag_is_heard_however_many_were_acknowledged_before(house: House) -> None:
    fill(house, 101, "heard", urgency="urgent", acknowledged_by="Practitioner/omar")
    with listening(house) as events:
        before = next(events)
        named(house, "Wanda Yew", CAUDA)
        assert next(events) != before


def test_many_pages_hear_the_same(house: House) -> None:
    with listening(house) as one, listening(house) as other:
        assert next(one) == next(other)
