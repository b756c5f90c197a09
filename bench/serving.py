"""How fast the service takes in and gives out resources, beside two endpoints that check and find nothing.

The real API process (`referral-service api`, the embedded broker, no worker), bench.plain and bench.bare take
turns, each on an SQLite file of its own in the same folder: WAL, synchronous=FULL; or all on one PostgreSQL
server. The load comes from this process. A slow disk hides what each of them does, because all wait for it; a
folder in memory shows it.

p50 and p99 are milliseconds. A ratio is the service's rate by the baseline's: above 1 the service is quicker.

Run: python -m bench.serving [FOLDER FOR THE DATABASES | postgresql]
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

import httpx

from bench.deciding import AS_OF, STORIES
from bench.load import Figures, drive
from referral_service.cli.running import free_port
from referral_service.clinic.chart import build
from referral_service.wiring import build_store
from tests.kit.databases import postgresql_server
from tests.kit.processes import broker, is_ready, place, referral_service, running, until

Json = dict[str, Any]
CLIENTS = (1, 8, 32)
ROUNDS, SECONDS = 4, 1.0
ENTRIES, PAGE, SEEDED = 60, 20, 100
# In a pattern: the request's number, and one of SEEDED names; of one length, so that every request is too.
NUMBER, NAME = "{number}", "{name}"
CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
HEADING = (
    f"{'':<20}{'clients':>8}{'requests/s':>12}{'resources/s':>13}{'p50':>9}{'p99':>8}"
    f"{'plain/s':>12}{'p50':>9}{'p99':>8}{'ratio':>8}{'bare/s':>12}{'p50':>9}{'p99':>8}{'ratio':>8}"
)


class Scenario(NamedTuple):
    """One kind of request; `resources` is how many each of them writes or reads."""

    name: str
    method: str
    path: str
    resource: Json | None = None
    resources: int = 1

    def requests(self) -> Callable[[], bytes]:
        """Each call gives the next request."""
        numbers = count(10**9)
        body = json.dumps(self.resource) if self.resource else ""
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        size = len(_filled(body.encode(), 10**9))
        pattern = f"{head}Content-Length: {size}\r\n\r\n{body}".encode()
        return lambda: _filled(pattern, next(numbers))


def _filled(pattern: bytes, number: int) -> bytes:
    return pattern.replace(b"{number}", b"%d" % number).replace(b"{name}", b"bench-%02d" % (number % SEEDED))


def condition() -> Json:
    """A Condition as an EHR sends it, of about 1 kB."""
    (found,) = (one for one in chart() if one["resourceType"] == "Condition")
    return found | {
        "id": NAME,
        "meta": {"profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-condition"]},
        "identifier": [{"system": "https://ehr.example/condition", "value": NUMBER}],
        "category": [{"coding": [{"system": CATEGORY, "code": "encounter-diagnosis"}], "text": "Diagnosis"}],
        "subject": {"reference": f"Patient/{NAME}", "display": "A patient of the benchmark"},
        "encounter": {"reference": f"Encounter/{NUMBER}"},
        "recordedDate": "2025-09-11T08:30:00+02:00",
    }


def chart() -> list[Json]:
    """ENTRIES resources of one patient: most are visits, as in life."""
    visits = {"procedure": "97140", "from": -38, "to": -12, "count": 10}
    return build({"id": "chart", "given": [*STORIES["exhausted"], visits]}, AS_OF)[:ENTRIES]


def transaction(resources: list[Json]) -> Json:
    """Creates each of them anew, with references from entry to entry."""
    names = {f"{one['resourceType']}/{one['id']}": f"urn:uuid:{_uuid(one['id'])}" for one in resources}
    entries = []
    for one in resources:
        bare = {key: value for key, value in one.items() if key != "id"}
        text = json.dumps(bare).replace('"Patient/chart"', f'"{names["Patient/chart"]}"')
        request = {"method": "POST", "url": one["resourceType"]}
        full_url = names[f"{one['resourceType']}/{one['id']}"]
        entries.append({"fullUrl": full_url, "resource": json.loads(text), "request": request})
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _uuid(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, name))


def scenarios() -> list[Scenario]:
    """What is measured, in this order."""
    one = condition()
    anew = {key: value for key, value in one.items() if key != "id"}
    search = f"/fhir/Procedure?patient=Patient/{NAME}&_count={PAGE}"
    return [
        Scenario("POST Condition", "POST", "/fhir/Condition", anew),
        Scenario("PUT Condition", "PUT", f"/fhir/Condition/{NAME}", one),
        Scenario(f"transaction of {ENTRIES}", "POST", "/fhir", transaction(chart()), ENTRIES),
        Scenario("read Condition", "GET", f"/fhir/Condition/{NAME}"),
        Scenario(f"search, page of {PAGE}", "GET", search, None, PAGE),
    ]


def seed(port: int) -> None:
    """Charts and Conditions under names that reads, searches and updates know."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
        for number in range(SEEDED):
            written = json.dumps(chart()).replace("chart", f"bench-{number:02d}")
            entries = [
                {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
                for one in [
                    *json.loads(written),
                    json.loads(_filled(json.dumps(condition()).encode(), number)),
                ]
            ]
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
            http.post("/fhir", json=bundle).raise_for_status()


@contextmanager
def service(folder: Path, address: str = "") -> Iterator[int]:
    """The API process with its broker; the port. `address` is PostgreSQL's, if it is to be that."""
    settings = place(folder, database_url=address)
    store = build_store(settings)
    store.migrate()
    store.close()
    with broker(settings), running(settings, referral_service("api")):
        until(lambda: is_ready(settings), "ready")
        yield settings.port


@contextmanager
def baseline(module: str, folder: Path, address: str = "") -> Iterator[int]:
    """A baseline's process; the port."""
    settings = place(folder, port=free_port("127.0.0.1"))
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    own = f"sqlite:///{settings.data_dir / 'baseline.db'}"
    command = [sys.executable, "-m", module, address or own, str(settings.port)]
    with running(settings, command):
        until(lambda: _answers(settings.port), "ready")
        yield settings.port


def _answers(port: int) -> bool:
    with suppress(httpx.TransportError):
        return httpx.post(f"http://127.0.0.1:{port}/nothing").is_success
    return False


def measure(scenario: Scenario, clients: int, ports: Sequence[int]) -> str:
    """A line of the table: the service's port and the baselines', turn by turn."""
    requests = {port: scenario.requests() for port in ports}
    figures = dict.fromkeys(ports, Figures())
    for _ in range(ROUNDS):
        for port in ports:
            figures[port] += drive(port, requests[port], clients, SECONDS)
    found, *baselines = figures.values()
    line = (
        f"{scenario.name:<20}{clients:>8}{found.rate:>12,.0f}{found.rate * scenario.resources:>13,.0f}"
        f"{found.within(0.5):>9.1f}{found.within(0.99):>8.1f}"
    )
    return line + "".join(
        f"{one.rate:>12,.0f}{one.within(0.5):>9.1f}{one.within(0.99):>8.1f}{found.rate / one.rate:>8.2f}"
        for one in baselines
    )


def main() -> None:
    """Prints the table."""
    asked = sys.argv[1] if len(sys.argv) > 1 else None
    is_remote = asked == "postgresql"
    with (
        tempfile.TemporaryDirectory(prefix="serving-", dir=None if is_remote else asked) as folder,
        postgresql_server() if is_remote else nullcontext() as server,
        service(Path(folder) / "service", server.address if server else "") as ours,
        baseline("bench.plain", Path(folder) / "plain", server.address if server else "") as plain,
        baseline("bench.bare", Path(folder) / "bare", server.address if server else "") as bare,
    ):
        ports = (ours, plain, bare)
        for port in ports:
            seed(port)
        nothing = Scenario("nothing", "POST", "/nothing", condition())
        ceiling = drive(bare, nothing.requests(), CLIENTS[-1], SECONDS)
        print(f"an endpoint that does nothing answers the load generator {ceiling.rate:,.0f} requests/s")
        print("p50 and p99 in milliseconds; ratio: requests/s of the service by those of the baseline")
        print(HEADING)
        for scenario in scenarios():
            for clients in CLIENTS:
                print(measure(scenario, clients, ports), flush=True)


if __name__ == "__main__":
    main()
