"""Whoever closes the client while others are at work in it leaves no connection behind."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpcore
import httpx
import pytest

from referral_service.core.problem import Category, Problem
from referral_service.ehr.transport import Deadline, Transport
from tests.ehr.conftest import Client
from tests.ehr.other_side import gives, is_silent, other_side, patient
from tests.kit.processes import until


def test_nothing_is_sent_by_one_that_is_closed(client: Client) -> None:
    with other_side(gives(patient("1"))) as side:
        ehr = client(side.fhir)
        assert ehr.read("Patient/1") == patient("1")
        ehr.close()
        with pytest.raises(Problem) as caught:
            ehr.read("Patient/1")
        assert caught.value.category is Category.UNAVAILABLE
        assert len(side.asked) == 1


def test_a_call_that_is_under_way_is_cut_and_not_tried_again(client: Client) -> None:
    with other_side(is_silent, gives(patient("1"))) as side, ThreadPoolExecutor(1) as threads:
        ehr = client(side.fhir)
        reading = threads.submit(ehr.read, "Patient/1")
        until(lambda: bool(side.asked), "the other side is asked")
        ehr.close()
        assert isinstance(reading.exception(), Problem)
        assert len(side.asked) == 1


def test_a_connection_that_is_being_made_is_closed_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[httpcore.NetworkStream] = []

    def connects(*words: Any) -> httpcore.NetworkStream:
        made.append(connect(*words))
        transport.close()
        return made[0]

    connect = httpcore.SyncBackend.connect_tcp
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connects)
    with other_side(gives(patient("1"))) as side:
        transport = Transport()
        with pytest.raises(httpcore.ConnectError), Deadline(10.0).held():
            transport.handle_request(httpx.Request("GET", side.fhir))
        assert made[0].get_extra_info("socket").fileno() == -1
        assert side.asked == []
