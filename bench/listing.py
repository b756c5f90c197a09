"""How soon the worklist's pages are there, beside a static page of equal size; lists aim at AIM times at p95.

The store holds OPEN open referrals and CLOSED closed ones in an SQLite file. A few patients are really
evaluated, and their rows copied under other names: with other states, owners, targets, regions and times.
The real API process (`referral-service api`) and a process of the same framework, which sends each page as
it was saved before, take turns.

Run: python -m bench.listing [FOLDER FOR THE DATABASE]
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import uvicorn
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from bench.advising import process
from bench.listed import CLOSED, NORA, OPEN, Known, fill
from bench.load import Figures, drive
from referral_service.cli.running import free_port
from tests.kit.processes import broker, is_ready, place, referral_service, running, until

AIM = 5.0
CLIENTS, ROUNDS, SECONDS = (1, 4), 3, 0.7
SLOW_SECONDS = 5.0
HEADING = f"{'':<30}{'kB':>5}{'clients':>9}{'p50':>8}{'p95':>8}{'static p50':>12}{'p95':>8}{'ratio':>8}"


class Scenario(NamedTuple):
    """One page; `name` is that of its file, too."""

    name: str
    path: str
    is_list: bool = True

    def request(self, path: str = "") -> bytes:
        """Of somebody who has been here before."""
        cookies = f"worklist-actor={NORA}; worklist-token=known"
        return f"GET {path or self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookies}\r\n\r\n".encode()


def scenarios(known: Known) -> list[Scenario]:
    """What is measured, in this order."""
    review = "/worklist/list/review"
    return [
        Scenario("first page", review),
        Scenario("deep page", f"{review}?after={known.place}"),
        Scenario("red flags", "/worklist/list/red-flag"),
        Scenario("closed", "/worklist/list/closed"),
        Scenario("filter, many match", f"{review}?target=surgical&overdue=1"),
        Scenario("filter, few match", f"{review}?target=surgical&region=thoracic&owner=me"),
        Scenario("filter, none matches", f"{review}?target=intradiscal&region=cervical"),
        Scenario("search by identifier", f"{review}?identifier={known.identifier}"),
        Scenario("measures", "/worklist/measures", is_list=False),
        Scenario("one referral", f"/worklist/referral/{known.task}", is_list=False),
        Scenario("metrics", "/metrics", is_list=False),
    ]


@contextmanager
def service(folder: Path) -> Iterator[tuple[int, Known]]:
    """The API process on a full store; its port, and what is in the store."""
    settings = place(folder)
    known = fill(settings)
    with broker(settings), running(settings, referral_service("api")):
        until(lambda: is_ready(settings), "ready")
        yield settings.port, known


def static_application(folder: Path) -> FastAPI:
    """Each page as it lies in the folder."""
    app = FastAPI(openapi_url=None)
    app.mount("/", StaticFiles(directory=folder))
    return app


def save(port: int, all: list[Scenario], folder: Path) -> None:
    """Every page as it is now."""
    folder.mkdir(parents=True)
    headers = {"Cookie": f"worklist-actor={NORA}; worklist-token=known"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as http:
        for number, one in enumerate(all):
            (folder / f"{number}.html").write_bytes(http.get(one.path).raise_for_status().content)


def measure(one: Scenario, number: int, size: int, clients: int, ports: tuple[int, int]) -> str:
    """A line of the table: the service and the static page, turn by turn."""
    found, least = Figures(), Figures()
    seconds = SECONDS if one.is_list else SLOW_SECONDS
    for _ in range(ROUNDS if one.is_list else 1):
        found += drive(ports[0], one.request, clients, seconds)
        least += drive(ports[1], lambda: one.request(f"/{number}.html"), clients, seconds)
    ratio = found.within(0.95) / least.within(0.95)
    verdict = f"{'within' if ratio < AIM else 'OVER'} {AIM:.0f}" if one.is_list else ""
    return (
        f"{one.name:<30}{size / 1000:>5.0f}{clients:>9}{found.within(0.5):>8.1f}{found.within(0.95):>8.1f}"
        f"{least.within(0.5):>12.1f}{least.within(0.95):>8.1f}{ratio:>8.1f}  {verdict}".rstrip()
    )


def main() -> None:
    """Prints the table; milliseconds for p50 and p95."""
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    bare = free_port("127.0.0.1")
    with (
        tempfile.TemporaryDirectory(prefix="listing-", dir=where) as name,
        service(Path(name) / "service") as (port, known),
    ):
        pages, all = Path(name) / "pages", scenarios(known)
        save(port, all, pages)
        command = [sys.executable, "-m", "bench.listing", "--static", str(bare), str(pages)]
        with process(Path(name) / "static", command, f"http://127.0.0.1:{bare}/0.html"):
            print(f"{OPEN:,} open referrals, {CLOSED:,} closed; the aim for lists is {AIM:.0f} at p95")
            print(HEADING)
            for number, one in enumerate(all):
                size = (pages / f"{number}.html").stat().st_size
                for clients in CLIENTS if one.is_list else CLIENTS[:1]:
                    print(measure(one, number, size, clients, (port, bare)), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--static"]:
        port, folder = int(sys.argv[2]), Path(sys.argv[3])
        uvicorn.run(static_application(folder), port=port, log_config=None, access_log=False)
    else:
        main()
