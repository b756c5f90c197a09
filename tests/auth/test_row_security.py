"""The service on PostgreSQL as in operation: its user is held to the tenant of each request."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from referral_service.clinic.chart import build
from referral_service.store.engine import reading
from referral_service.store.tables import resource
from referral_service.store.tenancy import is_exempt, serving
from referral_service.wiring import build_assessor, build_store
from tests.api.people import CAUDA, EXHAUSTED
from tests.auth.house import House, house
from tests.kit.databases import postgresql_of_no_superuser
from tests.kit.server import ids

TENANTS = ("north", "south")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Each tenant has sent a patient of the same id; a worker, which is none's, has decided."""
    folder = tmp_path_factory.mktemp("rows")
    with postgresql_of_no_superuser() as address, house(folder, database_url=address, audit=True) as found:
        today = found.server.service.clock.as_of().date()
        for tenant in TENANTS:
            for one in build({"id": "shared", "given": [*EXHAUSTED, CAUDA]}, today):
                path = f"/{one['resourceType']}/{one['id']}"
                assert found.http.put(path, json=one, headers=found.as_client(tenant)).status_code == 201
        settings = found.server.service.settings
        store = build_store(settings)
        worker = build_assessor(settings, store)
        while worker.run_due():
            pass
        store.close()
        yield found


def test_each_tenant_reads_what_it_sent_and_what_was_decided_of_it(home: House) -> None:
    assert not is_exempt(home.server.service.store.engine)
    for tenant in TENANTS:
        headers = home.as_client(tenant)
        assert home.http.get("/Patient/shared", headers=headers).status_code == 200
        found = home.http.get("/ServiceRequest?patient=Patient/shared", headers=headers).json()
        assert len(ids(found)) == 1
        assert home.http.get("/Patient/shared/_history", headers=headers).json()["total"] == 1


def test_a_query_of_the_api_that_forgot_its_tenant_finds_one_tenants_rows(home: House) -> None:
    engine = home.server.service.store.engine
    for tenant in TENANTS:
        with serving(tenant), reading(engine) as connection:
            assert set(connection.scalars(select(resource.c.tenant))) == {tenant}
    with reading(engine) as connection:
        assert connection.scalars(select(resource.c.tenant)).all() == []


def test_the_numbers_are_of_all_tenants(home: House) -> None:
    told = home.http.get(f"{home.server.address}/metrics").text

    (urgent,) = [line for line in told.splitlines() if line.startswith("referrals{") and "urgent" in line]
    assert float(urgent.rpartition(" ")[2]) == len(TENANTS)
