"""The service on PostgreSQL as in operation: its user is held to the tenant of each request."""

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, text

from referral_service.auth.principal import Emergency, Principal
from referral_service.auth.sessions import Sessions
from referral_service.clinic.chart import build
from referral_service.store.engine import reading
from referral_service.store.tables import resource
from referral_service.store.tenancy import is_exempt, serving
from referral_service.store.trail import Trail, Walk
from referral_service.wiring import build_assessor, build_store
from referral_service.workflow.ports import Tenant
from tests.api.people import CAUDA, EXHAUSTED
from tests.auth.house import House, house
from tests.house.deployed import DOCKER, OURS, SERVICES
from tests.kit.databases import SERVICE_SQL, postgresql_as_deployed
from tests.kit.server import ids

TENANTS = ("north", "south")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Each tenant has sent a patient of the same id; a worker, which is none's, has decided."""
    folder = tmp_path_factory.mktemp("rows")
    with postgresql_as_deployed() as (_, address), house(folder, database_url=address, audit=True) as found:
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


def test_the_user_that_docker_makes_owns_its_database_and_has_no_other_right(home: House) -> None:
    asked = text(
        "SELECT current_user, pg_get_userbyid(datdba), rolsuper, rolbypassrls, rolcreaterole, rolcreatedb,"
        " rolreplication FROM pg_roles, pg_database WHERE rolname = current_user"
        " AND datname = current_database()"
    )
    with home.server.service.store.engine.connect() as connection:
        found = tuple(connection.execute(asked).one())

    assert found == ("referral", "referral", False, False, False, False, False)
    assert home.server.service.store.is_migrated()


def test_compose_has_it_made_and_the_service_comes_as_it(home: House) -> None:
    database = SERVICES["database"]
    inside = {where: (DOCKER / what) for what, where, *_ in (it.split(":") for it in database["volumes"])}
    user = home.server.service.store.engine.url

    assert (inside["/docker-entrypoint-initdb.d"] / SERVICE_SQL.name).samefile(SERVICE_SQL)
    for name in ("migrate", "api", "worker"):
        address = urlsplit(OURS[name]["environment"]["REFERRAL_DATABASE_URL"])
        assert (address.username, address.path) == (user.username, f"/{user.database}")
    assert database["environment"]["POSTGRES_USER"] != user.username
    assert database["environment"]["POSTGRES_DB"] == user.database


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


def test_who_opens_a_chart_in_an_emergency_is_on_record_of_their_tenant(home: House) -> None:
    store, hour = home.server.service.store, timedelta(hours=1)
    sessions = Sessions(store.engine, home.server.service.clock, hour, hour)
    doctor = Principal(
        tenant=Tenant("south"), actor="Practitioner/d", roles=frozenset({"clinician"}), patient="x"
    )

    assert sessions.let_in(sessions.begin(doctor), Emergency("shared", "ETREAT"), {"did": "emergency"})

    with serving("south"):
        (line,) = Trail(store.engine).page(Tenant("south"), [], Walk(None, True, 1)).lines
    assert (line.subject, line.actor, line.patients) == ("emergency", "Practitioner/d", ("shared",))


def test_the_numbers_are_of_all_tenants(home: House) -> None:
    told = home.http.get(f"{home.server.address}/metrics").text

    (urgent,) = [line for line in told.splitlines() if line.startswith("referrals{") and "urgent" in line]
    assert float(urgent.rpartition(" ")[2]) == len(TENANTS)
