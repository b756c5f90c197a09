"""What a sweep costs: the pages that 1,000 due patients touch among 1,000,000 stored, and among 10,000.

The real evaluation runs on PostgreSQL from a wheel, and the server itself (auto_explain, with buffers) says
of each of its statements how many pages it touched, in memory or not. Two sweeps are measured: `woken`, of
patients whose time has come and whose decision stays as it was; and `flagged`, of patients about whom a red
flag has arrived. What operators' counts touch is told beside them. All others are asleep.

Run: python -m bench.sweeping [FEW MANY]
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

import orjson
from sqlalchemy import Engine, Table, event, text, update

from fhir_profiles import RESOURCES
from referral_service import pathways
from referral_service.clinic.chart import build
from referral_service.core.pathway import Pathway
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read import Reader
from referral_service.store.engine import connect, migrate
from referral_service.store.store import SqlStore
from referral_service.store.tables import (
    episode,
    fact,
    ledger,
    moment,
    patient,
    resource,
    token,
)
from referral_service.workflow.assess import Assessor
from referral_service.workflow.ingest import Change, Ingest
from referral_service.workflow.ports import DEFAULT_TENANT
from tests.kit.clocks import HandClock
from tests.kit.databases import postgresql_server

DUE = 1_000
SIZES = (10_000, 1_000_000)
MOST = 1.2
TEMPLATE = "template"
GIVEN = [
    {"condition": "M54.50", "onset": -60},
    {"procedure": "97110", "from": -30, "to": -2, "count": 2},
    {"score": "72514-3", "value": 7, "on": -30},
]
FLAG = {"condition": "G83.4", "onset": -1, "id": "cauda"}
_BASE = "https://spine-referral.example/fhir"
_SERVER = ("-F", "-c", "shared_buffers=1GB", "-c", "max_wal_size=8GB", "-c", "jit=off")
_TELL = """LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on;
SET auto_explain.log_buffers = on; SET auto_explain.log_timing = off; SET auto_explain.log_format = json;
SET auto_explain.log_level = notice; SET client_min_messages = notice"""


# The columns in which a copy of the template's row is another patient's; `n` and `uid` are the copy's own.
_COPIED: dict[Table, dict[str, str]] = {
    patient: {
        "id": "uid",
        # one in ten waits for nothing but new data
        "wake_at": "CASE WHEN n % 10 > 0 THEN t.asked_at + (1 + n % 400) * 86400000000 END",
    },
    fact: {"patient": "uid"},
    episode: {"patient": "uid"},
    resource: {"id": "md5(t.id || uid)", "patient": "uid"},
    token: {"id": "md5(t.id || uid)", "code": f"replace(t.code, '{TEMPLATE}', uid)"},
    moment: {"id": "md5(t.id || uid)"},
    # the chain of our own tenant stays whole
    ledger: {"tenant": "'elsewhere'", "seq": "100 * n + t.seq"},
}
_OF_TEMPLATE = {
    patient: f"t.id = '{TEMPLATE}'",
    resource: "t.type IN ('Condition', 'GuidanceResponse')",
    token: "t.type IN ('Condition', 'GuidanceResponse')",
    moment: "t.type IN ('Condition', 'GuidanceResponse')",
}


class Meter:
    """Counts the pages of every statement of an engine's connections, by verb and table."""

    def __init__(self, engine: Engine) -> None:
        """To be made before the engine connects."""
        self.pages: Counter[str] = Counter()
        event.listen(engine, "connect", self._listen)

    def _listen(self, driver: Any, record: object) -> None:
        driver.add_notice_handler(self._note)
        driver.execute(_TELL)
        driver.commit()

    def _note(self, notice: Any) -> None:
        plan = str(notice.message_primary).partition("plan:\n")[2]
        if not plan:
            return
        found = orjson.loads(plan)
        words = found["Query Text"].replace('"', "").split()
        verb = words[0]
        before = {"SELECT": "FROM", "INSERT": "INTO", "UPDATE": "UPDATE", "DELETE": "FROM"}[verb]
        touched = found["Plan"]["Shared Hit Blocks"] + found["Plan"]["Shared Read Blocks"]
        self.pages[f"{verb} {words[words.index(before) + 1]}"] += touched

    @contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        """The pages touched from now until the end of the context."""
        self.pages, found = Counter(), Counter[str]()
        yield found
        found.update(self.pages)


class House:
    """A database with the due patients among `stored` others, and the worker that evaluates them."""

    def __init__(self, address: str) -> None:
        """Migrates it, and measures from then on."""
        unmeasured = connect(address)
        migrate(unmeasured)
        unmeasured.dispose()
        self.engine = connect(address)
        self.meter = Meter(self.engine)
        self.clock = HandClock()
        self.store = SqlStore(self.engine, self.clock, worker="bench")
        terminology = Terminology.load(RESOURCES / "valuesets")
        pathway: Pathway = pathways.load()
        self._ingest = Ingest(self.store, Reader(terminology, _BASE))
        self._assessor = Assessor(self.store, self.clock, pathway, _BASE, "UTC")

    def arrive(self, name: str, given: list[dict[str, Any]]) -> None:
        """A chart is stored."""
        chart = build({"id": name, "given": given}, self.clock.as_of().date())
        writes = self._ingest.writes([Change(resource=one, path="Bundle") for one in chart])
        self._ingest.submit(DEFAULT_TENANT, writes, "Practitioner/bench").result()

    def sweep(self) -> None:
        """As a worker does: looks, and evaluates until nobody is due."""
        self.store.looked()
        while self.store.is_anybody_due(self.clock.as_of()) and self._assessor.run_due():
            pass

    def fill(self, stored: int) -> None:
        """So many patients like the one that is there, all decided; most of them asleep."""
        with self.engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL auto_explain.log_min_duration = -1"))
            for table, own in _COPIED.items():
                connection.execute(text(_copying(table, own)), {"stored": stored})

    def tidy(self) -> None:
        """As autovacuum leaves it."""
        with self.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text("VACUUM ANALYZE"))
            connection.execute(text("CHECKPOINT"))
            connection.execute(text("RESET statement_timeout"))


def _copying(table: Table, own: dict[str, str]) -> str:
    names = [column.name for column in table.columns]
    values = ", ".join(own.get(name, f't."{name}"') for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    order = ", ".join(str(names.index(column.name) + 1) for column in table.primary_key)
    which = _OF_TEMPLATE.get(table, "TRUE")
    return (
        f"INSERT INTO {table.name} ({quoted}) SELECT {values} FROM {table.name} AS t"  # noqa: S608 - ours
        " CROSS JOIN (SELECT n, md5(n::text) AS uid FROM generate_series(1, :stored) AS n) AS numbers"
        f" WHERE {which} ORDER BY {order}"
    )


class Costs(NamedTuple):
    """The pages of each sweep and of the counts, by verb and table."""

    woken: Counter[str]
    flagged: Counter[str]
    counted: Counter[str]


def costs(stored: int, due: int = DUE) -> Costs:
    """A server of its own: so many patients, the due ones among them, swept twice."""
    with postgresql_server(*_SERVER) as server:
        house = House(server.address)
        house.arrive(TEMPLATE, GIVEN)
        house.sweep()
        house.fill(stored - due - 1)
        # scattered among the others: what is due together has no other reason to stand together
        names = [str(uuid5(NAMESPACE_URL, str(number))) for number in range(due)]
        for name in names:
            house.arrive(name, GIVEN)
        house.sweep()
        with house.engine.begin() as connection:
            awake = update(patient).where(patient.c.id.in_(names))
            connection.execute(awake.values(wake_at=house.clock.as_of()))
        house.tidy()
        with house.meter.counting() as woken:
            house.sweep()
        for name in names:
            house.arrive(name, [FLAG])
        house.tidy()
        with house.meter.counting() as counted:
            house.store.counts()
        with house.meter.counting() as flagged:
            house.sweep()
        assert house.store.counts().patients_due == 0
        house.store.close()
    return Costs(woken, flagged, counted)


def main() -> int:
    """Prints the table; 1 if a sweep touches more than MOST times the pages."""
    few, many = (int(word) for word in sys.argv[1:]) if sys.argv[1:] else SIZES
    found = [costs(stored) for stored in (few, many)]
    print(f"pages touched for {DUE:,} due patients{f'among {few:,}':>22}{f'among {many:,}':>18}{'ratio':>8}")
    worst = 0.0
    for name, less, more in zip(Costs._fields, *found, strict=True):
        for statement in sorted(less | more):
            print(_row(f"  {statement}", less[statement], more[statement]))
        print(_row(name, less.total(), more.total()))
        if name != "counted":
            worst = max(worst, more.total() / less.total())
    print(f"a sweep among {many:,} touches at most {worst:.2f} times the pages; {MOST} are allowed")
    return int(worst > MOST)


def _row(name: str, less: int, more: int) -> str:
    return f"{name:<32}{less:>20,}{more:>18,}{more / less if less else 0:>8.2f}"


if __name__ == "__main__":
    sys.exit(main())
