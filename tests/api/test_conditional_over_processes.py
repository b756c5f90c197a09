"""Two API processes on one database: a conditional create that both are asked for at once is done once.

So are those whose conditions are worded otherwise, if what they write meets both.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from referral_service.store.engine import connect, migrate
from tests.api.charts import Json, entry, statuses
from tests.api.rule import bundle
from tests.kit.databases import postgresql
from tests.kit.processes import is_ready, place, referral_service, running, until

pytestmark = pytest.mark.xdist_group("processes")

ROUNDS = 12
CLIENTS = 8
BY_IDENTIFIER = "identifier=urn:x|{name}"
# What half of them ask, while the others ask BY_IDENTIFIER.
WORDED = {
    "the same": BY_IDENTIFIER,
    "more narrowly": "identifier=urn:x|{name}&patient={name}",
    "without the system": "identifier={name}",
    "one of several": "identifier=urn:x|of-another,urn:y|{name},urn:x|{name}",
    "by another identifier": "identifier=urn:y|{name}-too",
    "by the system of another identifier": "identifier=urn:{name}|",
    "by several identifiers": "identifier=urn:{name}|&identifier=urn:y|{name}-too",
    "without an identifier": "patient={name}&recorded-date=2026-01-02",
}


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
    def chart(number: int, round_: int) -> int:
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
            assert set(pool.map(chart, range(CLIENTS), [round_] * CLIENTS)) == {200}
    for round_ in range(ROUNDS):
        for name in (f"a-{round_}", f"b-{round_}"):
            found = httpx.get(f"{apis[0]}/Patient?identifier=urn:x|{name}").json()
            assert found["total"] == 1


def worded_about(name: str) -> Json:
    """What is sent with each of WORDED; it meets them all."""
    systems = {"urn:x": name, "urn:y": f"{name}-too", f"urn:{name}": "1"}
    return {
        "resourceType": "Condition",
        "subject": {"reference": f"Patient/{name}"},
        "recordedDate": "2026-01-02",
        "identifier": [{"system": system, "value": value} for system, value in systems.items()],
    }


def unless_there(api: str, way: int, name: str, condition: str) -> list[str]:
    """One of four ways to write it unless it is there; the status of what was done."""
    resource = worded_about(name)
    if way == 0:
        answer = httpx.post(
            f"{api}/Condition", json=resource, headers={"If-None-Exist": condition}, timeout=20
        )
        return [str(answer.status_code)]
    if way == 1:
        answer = httpx.put(f"{api}/Condition?{condition}", json=resource, timeout=20)
        return [str(answer.status_code)]
    one = entry("POST", "Condition", resource, ifNoneExist=condition)
    answer = httpx.post(api, json=bundle("batch" if way == 2 else "transaction", one), timeout=20)
    return statuses(answer.json())


@pytest.mark.parametrize("worded", WORDED)
def test_what_meets_two_conditions_is_made_once_however_they_are_worded(apis: list[str], worded: str) -> None:
    def ask(number: int, name: str) -> list[str]:
        condition = (BY_IDENTIFIER, WORDED[worded])[number // 4].format(name=name)
        return unless_there(apis[number // 2 % 2], number % 4, name, condition)

    with ThreadPoolExecutor(CLIENTS) as pool:
        for round_ in range(ROUNDS):
            name = f"{worded.replace(' ', '-')}-{round_}"
            answers = sorted(pool.map(ask, range(CLIENTS), [name] * CLIENTS))
            assert answers == [["200"]] * (CLIENTS - 1) + [["201"]]
