"""How soon a CDS client has its cards, beside the least that any service would do; the aim is AIM at p99.

The real API process (`referral-service api`) and a bare endpoint, which parses the same body and answers
without a card, take turns with CLIENTS clients. The chart has ENTRIES resources. In the last row nothing is
prefetched: the service fetches the chart from a FHIR server (`referral-service fake-ehr`), whose process,
like the load, takes its share of this machine; the bare endpoint does not.

Run: python -m bench.advising [FOLDER FOR THE DATABASE]
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson
import uvicorn
from fastapi import FastAPI, Request, Response

from bench.deciding import AS_OF
from bench.load import Figures, drive
from bench.serving import ENTRIES, chart, service
from referral_service.cli.running import free_port
from tests.cds_hooks.client import bundle, call, drafts, order, prefetched
from tests.kit.processes import place, referral_service, running, until

Json = dict[str, Any]
CLIENTS, ROUNDS, SECONDS = 8, 3, 2.0
AIM = 500.0  # milliseconds
PATIENT = "chart"
FLAG = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "G83.4"}
HEADING = (
    f"{'':<28}{'kB':>6}{'calls/s':>10}{'p50':>8}{'p99':>8}{'bare/s':>12}{'p50':>8}{'p99':>8}{'ratio':>8}"
)


class Scenario(NamedTuple):
    """One kind of call."""

    name: str
    said: Json

    def requests(self) -> Callable[[], bytes]:
        """Each gives the same request: a call may be made again."""
        body = json.dumps(self.said).encode()
        head = (
            f"POST /cds-services/{self.said['hook']} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return lambda: head.encode() + body


def scenarios(port: int, server: str) -> list[Scenario]:
    """What is measured, in this order."""
    offered = httpx.get(f"http://127.0.0.1:{port}/cds-services").raise_for_status().json()
    prefetch = prefetched(offered["services"][0]["prefetch"], chart())
    flag = {"resourceType": "Condition", "id": "new", "code": {"coding": [FLAG]}}
    flag |= {"subject": {"reference": f"Patient/{PATIENT}"}, "onsetDateTime": AS_OF.isoformat()}
    mri = drafts(order(PATIENT, "72148"))
    return [
        Scenario("patient-view", call("patient-view", PATIENT, prefetch)),
        Scenario("order-sign, an MRI", call("order-sign", PATIENT, prefetch, draftOrders=mri)),
        Scenario(
            "problem-list-item-create",
            call("problem-list-item-create", PATIENT, prefetch, conditions=bundle([flag])),
        ),
        Scenario("patient-view, fetched", {**call("patient-view", PATIENT), "fhirServer": server}),
    ]


def bare_application() -> FastAPI:
    """Parses the body, and answers."""
    app = FastAPI(openapi_url=None)

    @app.post("/cds-services/{name}")
    async def answer(request: Request, name: str) -> Response:
        orjson.loads(await request.body())
        return Response(b'{"cards":[]}', media_type="application/json")

    return app


@contextmanager
def process(folder: Path, command: list[str], address: str) -> Iterator[None]:
    """Another process, once it answers at an address."""
    with running(place(folder), command):
        until(lambda: _answers(address), "ready")
        yield


def _answers(address: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(address).status_code < httpx.codes.INTERNAL_SERVER_ERROR
    return False


@contextmanager
def fhir_server(folder: Path) -> Iterator[str]:
    """The client's own server with the chart; its address."""
    port, charts = free_port("127.0.0.1"), folder / "chart.json"
    folder.mkdir(parents=True)
    charts.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", **_entries()}))
    command = referral_service("fake-ehr", "--port", str(port), "--load", str(charts))
    address = f"http://127.0.0.1:{port}/fhir"
    with process(folder / "data", command, f"{address}/metadata"):
        yield address


def _entries() -> Json:
    return {"entry": [{"resource": one} for one in chart()]}


def measure(scenario: Scenario, ours: int, theirs: int) -> str:
    """A line of the table: the service and the baseline, turn by turn."""
    request = scenario.requests()
    found, least = Figures(), Figures()
    for _ in range(ROUNDS):
        found += drive(ours, request, CLIENTS, SECONDS)
        least += drive(theirs, request, CLIENTS, SECONDS)
    p99 = found.within(0.99)
    return (
        f"{scenario.name:<28}{len(request()) / 1000:>6.0f}{found.rate:>10,.0f}{found.within(0.5):>8.1f}"
        f"{p99:>8.1f}{least.rate:>12,.0f}{least.within(0.5):>8.1f}{least.within(0.99):>8.1f}"
        f"{found.rate / least.rate:>8.3f}  {'within' if p99 < AIM else 'OVER'} {AIM:.0f} ms"
    )


def main() -> None:
    """Prints the table; milliseconds for p50 and p99."""
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    bare = free_port("127.0.0.1")
    with (
        tempfile.TemporaryDirectory(prefix="advising-", dir=where) as folder,
        service(Path(folder) / "service") as ours,
        fhir_server(Path(folder) / "ehr") as server,
        process(
            Path(folder) / "bare",
            [sys.executable, "-m", "bench.advising", "--bare", str(bare)],
            f"http://127.0.0.1:{bare}/",
        ),
    ):
        print(f"{CLIENTS} clients, a chart of {ENTRIES} resources; the aim is {AIM:.0f} ms at p99")
        print(HEADING)
        for scenario in scenarios(ours, server):
            print(measure(scenario, ours, bare), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bare"]:
        uvicorn.run(bare_application(), port=int(sys.argv[2]), log_config=None, access_log=False)
    else:
        main()
