"""The EHR as a whole, and how it is served.

with serve(FakeEhr(faults=Faults(lost_answer=0.1), seed=1)) as address:
    ...  # address is http://127.0.0.1:PORT/fhir
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime
from random import Random
from socket import create_server, socket
from threading import Thread
from time import monotonic, sleep
from typing import Any, Final

import uvicorn

from referral_service.clock import SystemClock
from referral_service.fake_ehr.application import application
from referral_service.fake_ehr.bulk import Exports
from referral_service.fake_ehr.elements import by_value, tokens
from referral_service.fake_ehr.faults import Dice, Faults
from referral_service.fake_ehr.fulfil import Fulfiller
from referral_service.fake_ehr.gate import BASE, Gate, Protocol
from referral_service.fake_ehr.interactions import Interactions
from referral_service.fake_ehr.later import Later
from referral_service.fake_ehr.login import Login
from referral_service.fake_ehr.manners import Manners
from referral_service.fake_ehr.notify import Notifier
from referral_service.fake_ehr.routes import routes
from referral_service.fake_ehr.store import Store, Write

__all__ = ["FakeEhr", "Faults", "Manners", "build_server", "listen", "serve"]

Json = dict[str, Any]
_NO_FAULTS: Final = Faults()
_AS_USUAL: Final = Manners()
_START_SECONDS: Final = 20.0
_GRACE_SECONDS: Final = 2
# longer than any client keeps an idle connection, so that none is cut but by a fault
_IDLE_SECONDS: Final = 600


class FakeEhr:
    """An EHR in memory. Tests ask it from any thread, while it is served and afterwards."""

    def __init__(
        self,
        *,
        faults: Faults = _NO_FAULTS,
        seed: int = 0,
        clients: Mapping[str, Any] | None = None,
        manners: Manners = _AS_USUAL,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """`seed` decides ids and faults. With `clients` (id: JSON Web Key Set) requests need a token."""
        now = now or SystemClock().now
        self.address = f"http://127.0.0.1{BASE}"
        self._store = Store(Random(f"{seed}/ids"), now)  # noqa: S311 - chance that can be repeated is wanted
        self._dice = Dice(faults, seed)
        self._later = Later()
        self.login = Login(clients or {}, now, manners.token_seconds)
        self.notifier = Notifier(self._store, manners, lambda: self.address)
        if manners.fulfil_seconds is not None:
            Fulfiller(self._store, self._later, manners.fulfil_seconds)
        self._gate = Gate(self._dice, self.login, self._later)
        exports = Exports(self._store, manners, self.login.is_needed)
        interactions = routes(Interactions(self._store, manners), exports)
        self.app = application(self._gate, interactions, self.login, self._dice, self.report)

    @property
    def faults(self) -> Faults:
        """Those in force; set, they are counted anew."""
        return self._dice.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._dice.order(faults)

    @property
    def requests(self) -> Counter[tuple[str, str]]:
        """How many came, by method and kind (see `routes`), refused and struck ones too."""
        return self._gate.requests

    @property
    def happened(self) -> Counter[str]:
        """How often each fault has struck."""
        return self._dice.counts

    def stored(self, type: str) -> list[Json]:
        """The resources of a type that are there, in the order in which they came."""
        return [deepcopy(one.resource) for one in self._store.find(type) if one.resource is not None]

    def by_identifier(self, type: str, system: str, value: str) -> list[Json]:
        """Those that have that identifier."""
        return [
            deepcopy(one.resource)
            for one in self._store.find(type, [by_value(value)])
            if one.resource is not None and (system, value) in tokens(one.resource, "identifier")
        ]

    def put(self, resource: Json) -> Json:
        """Somebody at the EHR writes a resource: as it is with its own id, else with a new one."""
        id = resource.get("id") or self._store.mint()
        [version] = self._store.commit([Write(resource["resourceType"], id, deepcopy(resource))])
        return deepcopy(version.resource) or {}

    def load(self, resources: Iterable[Json]) -> int:
        """The same for many; how many they were."""
        return sum(1 for resource in resources if self.put(resource))

    def remove(self, type: str, id: str) -> None:
        """Somebody at the EHR deletes a resource."""
        self._store.commit([Write(type, id, None)])

    def settle(self, seconds: float = 10.0) -> bool:
        """Waits for what is done late (slow commits, steps of fulfilment, notifications); whether all is."""
        end = monotonic() + seconds
        return self._later.settle(seconds) and self.notifier.later.settle(max(end - monotonic(), 0))

    def report(self) -> Json:
        """Counts, and nothing about anybody."""
        return {
            "resources": Counter(one.type for one in self._store.find()),
            "requests": {f"{method} {kind}": number for (method, kind), number in self.requests.items()},
            "faults": self.happened,
            "notifications": self.notifier.counts,
        }

    def close(self) -> None:
        """Ends its threads; what is stored can still be asked for."""
        self._later.close()
        self.notifier.later.close()


def listen(host: str = "127.0.0.1", port: int = 0) -> socket:
    """A socket to serve from; port 0 is any that is free. Raises OSError."""
    return create_server((host, port), backlog=512)


def build_server(ehr: FakeEhr, listening: socket) -> uvicorn.Server:
    """A server that is not running yet; it tells the EHR its address."""
    host, port = listening.getsockname()[:2]
    ehr.address = f"http://{host}:{port}{BASE}"
    return uvicorn.Server(
        uvicorn.Config(
            ehr.app,
            http=Protocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )


@contextmanager
def serve(ehr: FakeEhr) -> Iterator[str]:
    """Serves it in a thread; gives the address of its FHIR server."""
    with listen() as listening:
        server = build_server(ehr, listening)
        thread = Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            end = monotonic() + _START_SECONDS
            while not server.started:
                assert monotonic() < end and thread.is_alive(), "the EHR did not start"
                sleep(0.005)
            yield ehr.address
        finally:
            server.should_exit = True
            thread.join()
            ehr.close()
