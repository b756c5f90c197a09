"""Hostile requests to a live service: refused in FHIR's words, and nothing stored, repeated or logged."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from referral_service.settings import Settings
from referral_service.store.tables import metadata
from referral_service.wiring import build_store
from tests.api.charts import condition, patient
from tests.api.extreme import extremes
from tests.api.generated import as_stored, read
from tests.api.hostile import Attack, faults, is_marked, posted, send
from tests.api.hostile_bundles import bundles
from tests.api.hostile_json import costly, malformed
from tests.api.hostile_requests import headers, operations, queries, targets
from tests.api.hostile_values import absurd, mistyped
from tests.kit.databases import postgresql
from tests.kit.processes import is_ready, lines, place, referral_service, running, until

FAMILIES: dict[str, Callable[[], list[Attack]]] = {
    "bodies that are no JSON": malformed,
    "JSON that costs": costly,
    "values of the wrong type": mistyped,
    "values that are absurd": absurd,
    "addresses": targets,
    "queries": queries,
    "operations": operations,
    "headers": headers,
    "bundles": bundles,
}
EXTREMES = extremes()
Dump = dict[str, list[Any]]


class Target:
    """A service of its own process, and what its database holds."""

    def __init__(self, settings: Settings) -> None:
        """Neither runs yet."""
        self.settings = settings
        self.store = build_store(settings)

    def dump(self) -> Dump:
        """Every row of every table."""
        with self.store.engine.connect() as connection:
            return {
                table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
                for table in metadata.sorted_tables
            }


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The API alone, on each of the two databases, telling all that it ever tells."""
    folder = tmp_path_factory.mktemp("attacked")
    if request.param == "sqlite":
        yield from _served(place(folder, log_level="debug", broker_url="filesystem://"))
    else:
        with postgresql() as address:
            yield from _served(
                place(folder, log_level="debug", broker_url="filesystem://", database_url=address)
            )


def _served(settings: Settings) -> Iterator[Target]:
    attacked = Target(settings)
    attacked.store.migrate()
    with closing(attacked.store), running(settings, referral_service("api")) as process:
        until(lambda: is_ready(settings) or process.poll() is not None, "ready")
        base = f"http://127.0.0.1:{settings.port}/fhir"
        known = patient("known", identifier=[{"value": "1"}])
        assert httpx.put(f"{base}/Patient/known", json=known).is_success
        assert httpx.post(f"{base}/Condition", json=condition("Patient/known")).is_success
        yield attacked


def test_there_are_enough_of_them() -> None:
    sizes = {name: len(family()) for name, family in FAMILIES.items()}
    assert min(sizes.values()) > 20 and sum(sizes.values()) > 1000, sizes


@pytest.mark.parametrize("family", FAMILIES)
def test_hostile_requests_are_refused_and_leave_no_trace(target: Target, family: str) -> None:
    before = target.dump()
    found = []
    for attack in FAMILIES[family]():
        reply = send(target.settings.port, attack)
        found += [f"{attack.says}: {fault}" for fault in faults(reply)]
        if not reply.is_refusal and attack.body and b"resourceType" in attack.body and attack.target:
            found.append(f"{attack.says}: answered {reply.status}")
    assert found == []
    assert target.dump() == before
    said = lines(target.settings)
    assert not is_marked(said.encode()) and "Traceback" not in said


@pytest.mark.parametrize("says", EXTREMES)
def test_what_is_extreme_but_right_comes_back_as_it_was_sent(target: Target, says: str) -> None:
    sent = read(EXTREMES[says])
    reply = send(target.settings.port, posted(says, EXTREMES[says], sent["resourceType"]))
    assert reply.status == 201, reply.body[:500]
    received = read(reply.body)
    assert received == as_stored(sent, received)


def test_whoever_has_all_of_that_is_judged(target: Target) -> None:
    for says, body in EXTREMES.items():
        send(target.settings.port, posted(says, body, read(body)["resourceType"]))
    reply = send(target.settings.port, Attack("assess", "GET", "Patient/known/$assess"))
    assert reply.status == 200, reply.body[:500]
