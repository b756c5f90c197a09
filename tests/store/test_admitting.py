"""Resources of another system on both databases: at once, late, twice, and what is nobody's to change."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from referral_service.clock import SystemClock
from referral_service.core.problem import Category, problem
from referral_service.fhir.notification import Placed
from referral_service.fhir.parse import parse
from referral_service.store.origins import SqlOrigins
from referral_service.store.search import Search
from referral_service.store.store import SqlStore
from referral_service.workflow.admit import Admit, Feed
from referral_service.workflow.ingest import Ingest
from referral_service.workflow.ports import DEFAULT_TENANT, PatientId, Write
from tests.api.charts import CANONICAL, order, patient, score
from tests.kit.judged import READER
from tests.kit.writes import received

FEED = Feed(DEFAULT_TENANT, "ehr")
OTHER = Feed(DEFAULT_TENANT, "other")
FULFILL = {
    "resourceType": "Task",
    "id": "there-1",
    "identifier": [{"system": f"{CANONICAL}/fulfillment", "value": "x|order"}],
    "status": "accepted",
    "intent": "order",
    "for": {"reference": "Patient/ann"},
}


def admit(store: SqlStore, on_task: Any = None) -> Admit:
    origins = SqlOrigins(store.engine, SystemClock())
    return Admit(Ingest(store, READER), Search(store.engine), origins, f"{CANONICAL}/fulfillment", on_task)


def placed(*resources: dict[str, Any]) -> list[Placed]:
    return [Placed(one["resourceType"], one) for one in resources]


def version(name: str, number: int) -> dict[str, Any]:
    meta = {"versionId": str(number), "lastUpdated": f"2026-06-01T08:00:{number:02d}Z"}
    return score("Patient/ann", number, id=name, meta=meta)


def value(store: SqlStore, name: str) -> Any:
    found = store.read(DEFAULT_TENANT, "Observation", name)
    assert found
    return parse(found.body)["valueQuantity"]["value"]


def test_versions_that_come_at_once_in_any_order_end_with_the_last(
    open_store: Callable[[], SqlStore], store: SqlStore
) -> None:
    """Two processes of three threads each."""
    doors = [admit(store), admit(open_store())]
    names = ["score-a", "score-b", "score-c"]
    news = [version(name, number) for name in names for number in range(1, 21)]
    Random(3).shuffle(news)

    def take(turn: int) -> None:
        door = doors[turn % 2]
        for one in news[turn::6]:
            while True:
                try:
                    door.run(FEED, placed(one))
                except Exception as error:  # noqa: BLE001 - told to come again, as a sender is
                    assert getattr(error, "category", None) is Category.CONFLICT
                else:
                    break

    with ThreadPoolExecutor(6) as executor:
        list(executor.map(take, range(6)))
    assert [value(store, name) for name in names] == [20, 20, 20]


def test_whoever_is_overtaken_between_its_look_and_its_write_gives_way(store: SqlStore) -> None:
    fast = admit(store)

    class Slow(SqlOrigins):
        """Is overtaken once, after it has kept the earlier state."""

        is_overtaken = False

        def reached(self, feed: Feed, states: Mapping[str, str]) -> set[str]:
            older = super().reached(feed, states)
            if not self.is_overtaken:
                self.is_overtaken = True
                fast.run(FEED, placed(version("score", 2)))
            return older

    slow = admit(store)
    slow._origins = Slow(store.engine, SystemClock())
    assert slow.run(FEED, placed(version("score", 1))).counts == {"older": 1}
    assert value(store, "score") == 2


def test_what_was_deleted_here_comes_back_by_fetching_alone(store: SqlStore) -> None:
    door = admit(store)
    door.run(FEED, placed(version("score", 1)))
    assert door.delete(FEED, ["Observation/score", "Observation/never"]).counts["deleted"] == 1
    late = door.run(FEED, placed(version("score", 2)), may_revive=False)
    assert (late.buried, late.taken) == (["Observation/score"], [])
    assert store.read(DEFAULT_TENANT, "Observation", "score").is_deleted  # type: ignore[union-attr]
    assert door.run(FEED, placed(version("score", 2))).counts["stored"] == 1


def test_nobody_deletes_what_came_from_another_or_is_the_services_own(store: SqlStore) -> None:
    door = admit(store)
    ours = Write(type="ServiceRequest", id="ours", body=b"{}", patient=PatientId("ann"))
    store.commit(DEFAULT_TENANT, [ours], [received(ours)])
    door.run(OTHER, placed(version("theirs", 1)))
    door.run(OTHER, placed(version("both", 1)))
    door.run(FEED, placed(version("both", 1), order("Patient/ann", id="sent")))
    names = ["ServiceRequest/ours", "ServiceRequest/sent", "Observation/theirs", "Observation/both"]
    assert door.delete(FEED, names).counts["deleted"] == 2
    assert door.run(FEED, placed(order("Patient/ann", id="ours"))).counts["own"] == 1


def test_strangers_are_those_without_a_patient(store: SqlStore) -> None:
    door = admit(store)
    done = door.run(FEED, placed(patient("ann"), version("a", 1), score("Patient/tom", 2, id="b")))
    assert done.patients == {"ann", "tom"}
    assert door.strangers(DEFAULT_TENANT, done.patients) == {"tom"}


@pytest.mark.parametrize(
    ("category", "counted"), [(None, "task"), (Category.CONFLICT, "older"), (Category.REFUSED, "refused")]
)
def test_a_task_of_ours_is_told_to_whoever_follows_it(
    store: SqlStore, category: Category | None, counted: str
) -> None:
    heard: list[tuple[str, str]] = []

    def on_task(tenant: str, task: dict[str, Any], actor: str) -> None:
        heard.append((task["id"], actor))
        if category:
            raise problem(category, "Not so.")

    theirs = {**FULFILL, "id": "there-2", "identifier": [{"system": "urn:other", "value": "1"}]}
    done = admit(store, on_task).run(FEED, placed(FULFILL, theirs))
    assert heard == [("there-1", "Source/ehr")]
    assert done.counts == {counted: 1, "not-kept": 1}
    assert store.read(DEFAULT_TENANT, "Task", "there-1") is None
    assert admit(store).run(FEED, placed(FULFILL)).counts == {"not-kept": 1}
