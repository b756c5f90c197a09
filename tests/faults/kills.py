"""Processes of a whole service killed at random under load: is anything lost, is anything doubled?

Two services: `apart`, two API processes, two workers, Valkey and PostgreSQL, each started again when it ends,
as containers are; and `up`, one machine's with the embedded database and broker, its supervisor killed too.
Whom the next kill hits, and when, comes from the seed; what the process is doing at that moment does not.

Run: python -m tests.faults.kills --kills 2000 [--seed N] [--house apart|up]
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random, SystemRandom
from threading import Event
from typing import NamedTuple, Protocol

import httpx

from referral_service.cli.running import free_port
from referral_service.clock import SystemClock, local_day
from referral_service.settings import Settings
from referral_service.wiring import build_store
from tests.faults.audit import Audit, Faults, Promised
from tests.faults.sending import Doors, Reviewer, Sender
from tests.kit.databases import postgresql_server
from tests.kit.processes import Kept, children, kill_all, lines, place, referral_service, valkey

SENDERS = 3
_TICK_SECONDS = 0.02
_PATIENCE_SECONDS = 90.0
_LEASE_SECONDS = 5
_AT_ONCE = (2, 12)
_BETWEEN_SECONDS = (0.1, 0.5)
# How often a kind is hit beside the others: these are back in a moment, so that the next kill meets work.
_WEIGHTS = {"broker": 2.0, "database": 2.0, "up": 0.3}
_LEAST_ACKNOWLEDGED = 10
_LAST = 2000  # characters of what the processes said, where they do not come back


class Part(Protocol):
    """A process that is started again, or a server of several."""

    name: str

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""

    def tick(self) -> None:
        """Starts it again if it has ended."""

    def kill(self) -> None:
        """SIGKILL."""


class House(NamedTuple):
    """A service: what is kept running, where it answers, and how its database is reached.

    `children`: the processes that a part keeps running by itself, by name, are killed too.
    """

    parts: Sequence[Part]
    settings: Sequence[Settings]
    children: Callable[[], Mapping[str, int]]

    @property
    def addresses(self) -> list[str]:
        """Of /fhir, one for each API process."""
        return [f"http://127.0.0.1:{one.port}/fhir" for one in self.settings]

    def tick(self) -> None:
        """Starts again what has ended; to be called often."""
        for part in self.parts:
            part.tick()

    def is_quiet(self) -> bool:
        """Whether everything answers and nobody is due."""
        with suppress(httpx.TransportError):
            pages = [httpx.get(one.removesuffix("/fhir") + "/metrics").text for one in self.addresses]
            return all("\npatients_due 0.0" in page for page in pages)
        return False

    def victims(self) -> dict[str, list[Callable[[], None]]]:
        """What can be killed now, by its kind."""
        found: dict[str, list[Callable[[], None]]] = {}
        for part in self.parts:
            if part.is_alive:
                found.setdefault(part.name, []).append(part.kill)
        for name, pid in self.children().items():
            found.setdefault(name, []).append(lambda pid=pid: kill_all([pid]))
        return found


@contextmanager
def apart(folder: Path) -> Iterator[House]:
    """Two API processes and two workers on PostgreSQL and Valkey."""
    with postgresql_server() as database, ExitStack() as living:
        port = free_port("127.0.0.1")
        shared = {
            "database_url": database.address,
            "broker_url": f"redis://127.0.0.1:{port}/0",
            "lease_seconds": _LEASE_SECONDS,
        }
        apis = [place(folder / "data", **shared) for _ in range(2)]
        _migrate(apis[0])
        programs = [
            Kept("broker", apis[0], valkey(folder / "valkey", port)),
            *(Kept("api", one, referral_service("api")) for one in apis),
            *(Kept("worker", apis[0], referral_service("worker")) for _ in range(2)),
        ]
        for one in programs:
            living.callback(one.kill)
        yield House([database, *programs], apis, dict)


@contextmanager
def up(folder: Path) -> Iterator[House]:
    """`referral-service up` with what it brings along."""
    settings = place(folder / "data", lease_seconds=_LEASE_SECONDS)
    supervisor = Kept("up", settings, referral_service("up"))
    with ExitStack() as living:
        living.callback(supervisor.stop)
        yield House([supervisor], [settings], lambda: children(supervisor.pid))


HOUSES: Mapping[str, Callable[[Path], AbstractContextManager[House]]] = {"apart": apart, "up": up}


def _migrate(settings: Settings) -> None:
    store = build_store(settings)
    store.migrate()
    store.close()


class Report(NamedTuple):
    """What was done, and what does not hold ({}: everything does)."""

    kills: Counter[str]
    figures: dict[str, float]
    faults: Faults

    def __str__(self) -> str:
        """In a line or two."""
        killed = ", ".join(f"{number} {name}" for name, number in sorted(self.kills.items()))
        figures = ", ".join(f"{number:,.0f} {name}" for name, number in self.figures.items())
        return f"{self.kills.total()} kills ({killed}); {figures}; faults: {self.faults or 'none'}"


class Run:
    """One service under load, and whoever kills it. Belongs to the thread that starts it."""

    def __init__(self, house: House, seed: int) -> None:
        """Starts nothing yet."""
        self._house = house
        self._random = Random(seed)
        self._is_over = Event()
        self._working: list[Future[None]] = []
        today = local_day(SystemClock().now(), "UTC")
        self._promised = Promised(
            [
                Sender(f"s{number}", self._doors(seed, number), Random(f"{seed} {number}"), today)
                for number in range(SENDERS)
            ],
            Reviewer(self._doors(seed, SENDERS)),
            today,
        )

    def _doors(self, seed: int, number: int) -> Doors:
        return Doors(self._house.addresses, Random(f"{seed} doors {number}"))

    def through(self, kills: int) -> Report:
        """Kills so many, lets the service come to rest, and looks what has become of everything."""
        killed: Counter[str] = Counter()
        senders, reviewer = self._promised.senders, self._promised.reviewer
        with ThreadPoolExecutor(SENDERS + 1) as pool:
            self._working = [pool.submit(sender.send, self._is_over) for sender in senders]
            self._working.append(pool.submit(reviewer.review, self._is_over))
            try:
                started = time.monotonic()
                while killed.total() < kills:
                    self._until(self._has_grown(), "something acknowledged again")
                    for _ in range(min(self._random.randint(*_AT_ONCE), kills - killed.total())):
                        self._rest(self._random.uniform(*_BETWEEN_SECONDS))
                        killed[self._kill()] += 1
                seconds = time.monotonic() - started
                self._until(self._has_grown(), "something acknowledged at last")
            finally:
                self._is_over.set()
                self._until(lambda: all(one.done() for one in self._working), "everything sent")
        quiet = time.monotonic()
        self._until(self._house.is_quiet, "quiet")
        figures = {
            "s of killing": seconds,
            "s until quiet": time.monotonic() - quiet,
            "resources acknowledged": len(self._promised.contents),
            "patients": len(self._promised.charts),
            "approvals": len(reviewer.orders),
            "answers lost": sum(one.doors.lost for one in (*senders, reviewer)),
        }
        audit = Audit(self._house.settings[0], self._house.addresses[0], self._promised)
        return Report(killed, figures, audit.faults())

    def _kill(self) -> str:
        """One process that runs; its kind."""
        self._until(lambda: len(self._house.victims()) > 1, "processes of several kinds")
        victims = self._house.victims()
        kinds = sorted(victims)
        (name,) = self._random.choices(kinds, [_WEIGHTS.get(kind, 1) for kind in kinds])
        self._random.choice(victims[name])()
        return name

    def _has_grown(self) -> Callable[[], bool]:
        """Whether more was acknowledged since it was asked for: every round of kills meets work."""

        def count() -> int:
            return sum(len(sender.contents) for sender in self._promised.senders)

        before = count()
        return lambda: count() >= before + _LEAST_ACKNOWLEDGED

    def _rest(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._house.tick()
            time.sleep(_TICK_SECONDS)

    def _until(self, is_so: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + _PATIENCE_SECONDS
        while not is_so():
            if time.monotonic() > end:
                raise AssertionError(f"never: {what}\n{lines(self._house.settings[0])[-_LAST:]}")
            for one in self._working:
                if one.done():
                    one.result()
            self._rest(_TICK_SECONDS)


def killed(house: str, kills: int, seed: int, folder: Path) -> Report:
    """A service of that kind, so many kills, and what came of them."""
    with HOUSES[house](folder) as made:
        return Run(made, seed).through(kills)


def any_seed() -> int:
    """Another one each time."""
    return SystemRandom().randrange(10**6)


def main() -> int:
    """In rounds, each with a service of its own; 1 as soon as something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.kills")
    parser.add_argument("--kills", type=int, default=2000)
    parser.add_argument("--round", type=int, default=200, help="kills for each service")
    parser.add_argument("--seed", type=int, default=any_seed())
    parser.add_argument(
        "--house", choices=HOUSES, help="always this one (default: one round in five is `up`)"
    )
    asked = parser.parse_args()
    left, number = asked.kills, 0
    while left > 0:
        house, seed = asked.house or ("up" if number % 5 == 4 else "apart"), asked.seed + number
        kills = min(left, asked.round)
        print(f"{house}, seed {seed}: ", end="", flush=True)
        with tempfile.TemporaryDirectory(prefix="kills-") as folder:
            report = killed(house, kills, seed, Path(folder))
        print(report, flush=True)
        if report.faults:
            print(f"the same schedule again: --house {house} --seed {seed} --kills {kills} --round {kills}")
            return 1
        left, number = left - kills, number + 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
