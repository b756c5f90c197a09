"""PostgreSQL keeps tenants apart by itself: a query that forgot its tenant sees no other's rows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, Table, create_engine, make_url, select, text, update
from sqlalchemy.exc import DBAPIError

from referral_service.store.engine import connect, reading, writing
from referral_service.store.store import SqlStore
from referral_service.store.tables import metadata, resource
from referral_service.store.tally import add
from referral_service.store.tenancy import ALL, is_exempt, serving
from referral_service.workflow.ports import Tenant
from tests.kit.clocks import HandClock
from tests.kit.databases import empty
from tests.kit.writes import condition, received

NORTH, SOUTH = Tenant("north"), Tenant("south")
OPEN_TO_ALL = {"once", "session"}
HELD = [it for it in metadata.sorted_tables if "tenant" in it.c and it.name not in OPEN_TO_ALL]


@pytest.fixture
def worker(postgresql_address: str, clock: HandClock) -> Iterator[SqlStore]:
    """A store that works for all tenants; both have a patient of the same id."""
    store = SqlStore(connect(postgresql_address), clock)
    with writing(store.engine) as connection:
        empty(connection)
    for tenant in (NORTH, SOUTH):
        write = condition("back", said=tenant)
        store.commit(tenant, [write], [received(write)])
    with writing(store.engine) as connection:
        add(connection, {(NORTH, "evaluations", "urgent"): 1, (SOUTH, "evaluations", "urgent"): 1})
    yield store
    store.close()


@pytest.fixture
def api(worker: SqlStore, postgresql_address: str, clock: HandClock) -> Iterator[SqlStore]:
    """The store of a process that serves requests, on the same database."""
    store = SqlStore(connect(postgresql_address, serves=True), clock)
    yield store
    store.close()


def tenants(connection: Connection, table: Table = resource) -> set[str]:
    """Whose rows a query without a condition sees."""
    return set(connection.scalars(select(table.c.tenant)))


def seen(engine: Engine, table: Table = resource) -> set[str]:
    with reading(engine) as connection:
        return tenants(connection, table)


@pytest.mark.parametrize("table", HELD, ids=lambda table: table.name)
def test_every_table_is_held(worker: SqlStore, table: Table) -> None:
    asked = "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = :name"
    with reading(worker.engine) as connection:
        assert tuple(connection.execute(text(asked), {"name": table.name}).one()) == (True, True)


def test_a_query_that_forgot_its_tenant_sees_that_tenants_rows_alone(api: SqlStore) -> None:
    names = ("resource", "token", "fact", "patient", "ledger", "ledger_head", "tally")
    for table in map(metadata.tables.__getitem__, names):
        for tenant in (NORTH, SOUTH):
            with serving(tenant):
                assert seen(api.engine, table) == {tenant}, table.name


def test_a_row_of_another_tenant_can_be_neither_added_nor_changed_nor_removed(api: SqlStore) -> None:
    moved = update(resource).values(tenant=SOUTH, id="moved")
    added = "INSERT INTO ledger_head (tenant, seq, hash) VALUES ('west', 0, '')"
    with serving(NORTH):
        for forbidden in (moved, text(added)):
            with pytest.raises(DBAPIError, match="row-level security"), api.engine.begin() as connection:
                connection.execute(forbidden)
        with writing(api.engine) as connection:
            assert connection.execute(update(resource).values(is_posted=True)).rowcount == 1
            assert connection.execute(resource.delete()).rowcount == 1
    with serving(SOUTH):
        assert seen(api.engine) == {SOUTH}


def test_whoever_names_no_tenant_sees_and_writes_nothing(api: SqlStore) -> None:
    with serving(NORTH):
        assert seen(api.engine) == {NORTH}

    # on the very connections that were another's a moment ago
    for table in HELD:
        assert seen(api.engine, table) == set(), table.name
    with pytest.raises(DBAPIError, match="row-level security"), api.engine.begin() as connection:
        add(connection, {(NORTH, "evaluations", "urgent"): 1})


def test_threads_at_once_see_each_their_own(api: SqlStore) -> None:
    def look(turn: int) -> bool:
        tenant = (NORTH, SOUTH)[turn % 2]
        with serving(tenant):
            return seen(api.engine) == {tenant}

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(look, range(200)))


def test_a_transaction_that_failed_leaves_nothing_behind(api: SqlStore) -> None:
    with serving(NORTH), pytest.raises(DBAPIError), api.engine.begin() as connection:
        connection.execute(text("SELECT 1 / 0"))

    assert seen(api.engine) == set()


def test_workers_see_all(worker: SqlStore, clock: HandClock) -> None:
    assert seen(worker.engine) == {NORTH, SOUTH}
    assert {claim.tenant for claim in worker.claim(10, clock.as_of())} == {NORTH, SOUTH}
    assert worker.ledger_tenants() == [NORTH, SOUTH]


def test_who_serves_may_look_at_all_where_it_says_so(api: SqlStore) -> None:
    with serving(NORTH):
        with serving(ALL):
            assert api.counts().patients_due == 2
        assert api.counts().patients_due == 1


def test_requests_of_several_tenants_are_stored_together(api: SqlStore, worker: SqlStore) -> None:
    first = condition("first")
    with writing(worker.engine) as holder:
        # while somebody holds the ledger of the north, all but the first request wait as one group
        holder.execute(text("SELECT * FROM ledger_head WHERE tenant = 'north' FOR UPDATE"))
        alone = api.submit(NORTH, [first], [received(first)])
        more = [(tenant, condition("more", said=tenant)) for tenant in (NORTH, SOUTH)]
        together = [api.submit(tenant, [write], [received(write)]) for tenant, write in more]

    assert [it.result()[0].version for it in (alone, *together)] == [1, 1, 1]
    for tenant, write in more:
        with serving(tenant):
            kept = api.read(tenant, "Condition", "more")
            assert kept and kept.body == write.body
        with serving(SOUTH if tenant == NORTH else NORTH):
            assert api.read(tenant, "Condition", "more") is None
    assert [worker.verify_ledger(tenant).broken_at for tenant in (NORTH, SOUTH)] == [None, None]


def test_a_user_that_nothing_is_asked_of_is_known(worker: SqlStore, postgresql_address: str) -> None:
    superuser = create_engine(make_url(postgresql_address).set(username="tests", database="postgres"))

    assert is_exempt(superuser)
    assert not is_exempt(worker.engine)
    superuser.dispose()
