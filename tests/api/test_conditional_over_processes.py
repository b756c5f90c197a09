"""Two API processes on one database: a conditional create that both are asked for at once is done once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from referral_service.store.engine import connect, migrate
from tests.kit.databases import postgresql
from tests.kit.processes import is_ready, place, referral_service, running, until

pytestmark = pytest.mark.xdist_group("processes")

ROUNDS = 12
CLIENTS = 8


@pytest.fixture(scope="module", params=["postgresql", "sqlite"])
def apis(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The addresses of /fhir of two processes."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            database = f"sqlite:///{tmp_path_factory.mktemp('database') / 'referral.db'}"
        else:
            database = stack.enter_context(postgresql())
        engine = connect(database)
        migrate(engine)
        engine.dispose()
        settings = [
            place(
                tmp_path_factory.mktemp("api") / "data",
                database_url=database.replace("+psycopg", ""),
                broker_url="redis://127.0.0.1:1",
            )
            for _ in range(2)
        ]
        for one in settings:
            stack.enter_context(running(one, referral_service("api")))
        for one in settings:
            until(lambda one=one: is_ready(one), "ready")
        yield [f"http://127.0.0.1:{one.port}/fhir" for one in settings]


def test_a_conditional_create_is_done_once_whoever_is_asked(apis: list[str]) -> None:
    def create(number: int, round_: int) -> int:
        patient = {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": f"p-{round_}"}]}
        condition = {"If-None-Exist": f"identifier=urn:x|p-{round_}"}
        return httpx.post(f"{apis[number % 2]}/Patient", json=patient, headers=condition).status_code

    with ThreadPoolExecutor(CLIENTS) as pool:
        for round_ in range(ROUNDS):
            statuses = list(pool.map(create, range(CLIENTS), [round_] * CLIENTS))
            assert sorted(statuses) == [200] * (CLIENTS - 1) + [201]


def test_transactions_with_the_same_conditions_in_another_order_wait_for_each_other(apis: list[str]) -> None:
    def bundle(number: int, round_: int) -> int:
        names = [f"a-{round_}", f"b-{round_}"]
        entries = [
            {
                "resource": {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": name}]},
                "request": {
                    "method": "POST",
                    "url": "Patient",
                    "ifNoneExist": f"identifier=urn:x|{name}",
                },
            }
            for name in (names if number % 3 else names[::-1])
        ]
        body = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        return httpx.post(apis[number % 2], json=body, timeout=20).status_code

    with ThreadPoolExecutor(CLIENTS) as pool:
        for round_ in range(ROUNDS):
            assert set(pool.map(bundle, range(CLIENTS), [round_] * CLIENTS)) == {200}
    for round_ in range(ROUNDS):
        for name in (f"a-{round_}", f"b-{round_}"):
            found = httpx.get(f"{apis[0]}/Patient?identifier=urn:x|{name}").json()
            assert found["total"] == 1
