"""One service for all tests of a module."""

from collections.abc import Iterator

import pytest

from referral_service.clinic.chart import build
from referral_service.wiring import build_assessor
from tests.api.people import CAUDA, EXHAUSTED
from tests.auth.house import House, house

SECRET = {"resourceType": "Patient", "id": "secret", "name": [{"family": "Canary"}]}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """With one patient of the tenant north."""
    with house(tmp_path_factory.mktemp("house")) as found:
        put = found.http.put("/Patient/secret", json=SECRET, headers=found.as_client("north"))
        assert put.status_code == 201, put.text
        yield found


@pytest.fixture(scope="module")
def judged(home: House) -> House:
    """With a patient of each tenant, both of one id, whose care is exhausted; the worker has decided."""
    today = home.server.service.clock.as_of().date()
    for client in ("north", "south"):
        for resource in build({"id": "shared", "given": [*EXHAUSTED, CAUDA]}, today):
            put = home.http.put(
                f"/{resource['resourceType']}/{resource['id']}", json=resource, headers=home.as_client(client)
            )
            assert put.is_success
    worker = build_assessor(home.server.service.settings, home.server.service.store)
    while worker.run_due():
        pass
    return home
