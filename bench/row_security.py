"""What PostgreSQL's row-level security costs: the store's calls with migration 0008's policy, and without.

On one server and one database: the service's user, as docker/ has it made, whom each query's policy holds to
the tenant that is served; a superuser who sets the tenant in the same way, for whom no policy holds; and one
who sets nothing. The three take turns, block by block. What counts is the time of the processor, the server's
and ours together, which a busy machine disturbs least; the disk is waited for by none.

Run: python -m bench.row_security [PATIENTS]
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import count
from statistics import median
from time import process_time
from typing import NamedTuple

from sqlalchemy import make_url

from referral_service.clock import SystemClock
from referral_service.fhir.search import query
from referral_service.fhir.search.table import KINDS
from referral_service.store.engine import connect
from referral_service.store.search import Search
from referral_service.store.store import SqlStore
from referral_service.store.tenancy import is_exempt, serving
from referral_service.workflow.ports import PatientId, Tenant, Term, Write
from tests.kit.databases import Server, postgresql_as_deployed
from tests.kit.writes import condition, received

TENANTS = (Tenant("north"), Tenant("south"))
PATIENTS, EACH = 2_000, 5
BLOCKS, CALLS = 50, 20
AT_ONCE = 500


class Asker(NamedTuple):
    """A store as one of the three has it, and whether it names the tenant that it serves."""

    store: SqlStore
    search: Search
    serves: bool
    server: Server


Call = Callable[[Asker, Tenant, int], None]
_TURNS = count()


def main() -> int:
    """Prints a line a call."""
    patients = int(sys.argv[1]) if len(sys.argv) > 1 else PATIENTS
    with postgresql_as_deployed() as (server, address):
        _fill(address, patients)
        superuser = make_url(address).set(username="tests").render_as_string(hide_password=False)
        policy = _asker(server, address, serves=True)
        setting, nothing = (_asker(server, superuser, serves=it) for it in (True, False))
        assert is_exempt(setting.store.engine) and not is_exempt(policy.store.engine)
        stored = len(TENANTS) * patients * EACH
        print(f"{stored:,} resources, {BLOCKS} blocks of {CALLS} calls; with by without:")
        for name, call in _calls(patients).items():
            _measure(name, call, (policy, setting, nothing))
        for one in (policy, setting, nothing):
            one.store.close()
    return 0


def _measure(name: str, call: Call, askers: tuple[Asker, Asker, Asker]) -> None:
    for asker in askers:
        _block(call, asker)  # caches of plans and pages
    times: list[list[float]] = [[], [], []]
    for block in range(BLOCKS):
        for turn in range(3):
            which = (block + turn) % 3
            times[which].append(_block(call, askers[which]))
    policy, setting, nothing = map(median, times)
    each = 1000 * policy / CALLS
    print(f"{name}: {each:.2f} ms; policy {policy / setting:.3f}, with its setting {policy / nothing:.3f}")


def _block(call: Call, asker: Asker) -> float:
    started = process_time() + asker.server.cpu_seconds()
    for number in range(CALLS):
        tenant = TENANTS[number % 2]
        with serving(tenant) if asker.serves else nullcontext():
            call(asker, tenant, next(_TURNS))
    return process_time() + asker.server.cpu_seconds() - started


def _calls(patients: int) -> dict[str, Call]:
    """Whatever is asked for is another each time, of the tenant whose turn it is."""

    def found(asker: Asker, tenant: Tenant, *asked: tuple[str, str]) -> None:
        understood = query.parse(KINDS["Condition"], asked, as_of=SystemClock().as_of())
        assert asker.search.page(tenant, understood).matches

    def read(asker: Asker, tenant: Tenant, turn: int) -> None:
        assert asker.store.read(tenant, "Condition", f"p{turn * 7919 % patients}-1")

    def search(asker: Asker, tenant: Tenant, turn: int) -> None:
        found(asker, tenant, ("patient", f"Patient/p{turn * 7919 % patients}"))

    def newest(asker: Asker, tenant: Tenant, turn: int) -> None:
        found(asker, tenant, ("_count", "50"))

    def facts(asker: Asker, tenant: Tenant, turn: int) -> None:
        assert asker.store.facts_of(tenant, PatientId(f"p{turn * 7919 % patients}"))

    def commit(asker: Asker, tenant: Tenant, turn: int) -> None:
        id = f"p{turn * 7919 % patients}"
        write = _about(id, 1, f"again {turn}")
        assert asker.store.commit(tenant, [write], [received(write)])

    return {
        "read": read,
        "search by patient": search,
        "the newest 50": newest,
        "the facts of a patient": facts,
        "commit": commit,
    }


def _about(patient: str, number: int, said: str) -> Write:
    found_by = (Term("subject", f"Patient/{patient}"), Term("code", said))
    return condition(f"{patient}-{number}", patient, said=said, terms=found_by)


def _asker(server: Server, address: str, *, serves: bool) -> Asker:
    engine = connect(address, serves=serves)
    return Asker(SqlStore(engine, SystemClock()), Search(engine), serves, server)


def _fill(address: str, patients: int) -> None:
    store = SqlStore(connect(address), SystemClock())
    store.migrate()
    for tenant in TENANTS:
        for some in _several(patients):
            store.commit(tenant, some, [received(one) for one in some])
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    store.close()


def _several(patients: int) -> Iterator[list[Write]]:
    some: list[Write] = []
    for number in range(patients):
        some += (_about(f"p{number}", one, "pain") for one in range(EACH))
        if len(some) >= AT_ONCE:
            yield some
            some = []
    if some:
        yield some


if __name__ == "__main__":
    sys.exit(main())
