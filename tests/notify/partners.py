"""Partners who notify: each with its file of sources, its secret and its way to sign; and who fetches."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import new as digest
from hmac import new as hmac
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import yaml
from sqlalchemy import delete, select

from referral_service.fake_ehr.server import FakeEhr, serve
from referral_service.fhir.parse import dump
from referral_service.intakes import Intake, build_intakes
from referral_service.store.outside import errand
from tests.kit.server import FHIR_JSON, Running, running
from workers.fetching import Runner

Json = dict[str, Any]
SECRET = "one of two secrets, which are rotated"
TOKEN = "a token that the partner was given"


def hub(body: bytes, secret: str = SECRET, method: str = "sha256") -> dict[str, str]:
    """WebSub's signature."""
    return {"X-Hub-Signature": f"{method}={hmac(secret.encode(), body, method).hexdigest()}"}


def plain(body: bytes, secret: str = SECRET, *, base64: bool = False) -> dict[str, str]:
    """The other one, which some write in base64."""
    made = hmac(secret.encode(), body, lambda data=b"": digest("sha256", data))
    return {"X-Signature": b64encode(made.digest()).decode() if base64 else made.hexdigest()}


BEARER = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Town:
    """A service, and an EHR that it fetches from. `hubbed` signs, `plain` signs and has no server, `hooked`
    has a token.
    """

    served: Running
    ehr: FakeEhr
    folder: Path

    def send(
        self,
        source: str,
        body: Json | bytes = b"",
        at: str = "",
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """A notification, signed as the source does unless `headers` say otherwise."""
        raw = body if isinstance(body, bytes) else dump(body)
        signed = {
            "hubbed": hub(raw),
            "plain": plain(raw),
            "apart": plain(raw),
            "hooked": BEARER,
            "far": BEARER,
        }.get(source, {})
        said = {"Content-Type": FHIR_JSON, **(signed if headers is None else headers)}
        url = f"{self.served.address}/notify/{source}{at}"
        return self.served.http.request(method, url, content=raw, headers=said)

    def told(self, source: str, body: Json | bytes = b"", at: str = "", method: str = "POST") -> None:
        """One that is taken."""
        answer = self.send(source, body, at, method)
        assert (answer.status_code, answer.text) == (200, ""), answer.text

    def errands(self) -> dict[str, Any]:
        """What is due or parked, by what it is; not what is polled for later."""
        now = self.served.service.clock.now()
        with self.served.service.store.engine.connect() as connection:
            rows = connection.execute(select(errand).where(errand.c.since <= now)).all()
        return {row.what: row for row in rows}

    def forget(self) -> None:
        """Nothing is to be fetched any more."""
        with self.served.service.store.engine.begin() as connection:
            connection.execute(delete(errand))

    @contextmanager
    def intake(self, source: str) -> Iterator[Intake]:
        """What fetches from a source."""
        service = self.served.service
        intakes = build_intakes(service.settings, service.store, service.doorbell)
        try:
            yield next(one for one in intakes if one.feed.source == source)
        finally:
            for one in intakes:
                one.close()

    def fetch(self, source: str, *, polls: bool = False) -> int:
        """Does all that is due from a source; how many errands that were."""
        with self.intake(source) as intake:
            runner = Runner(intake, Event(), 60, polls=polls)
            done = 0
            while runner.run():
                done += 1
            return done

    def has(self, name: str) -> bool:
        """Whether a resource is there, not deleted."""
        return self.served.http.get(f"/{name}").status_code == 200

    def counts(self, source: str) -> dict[str, int]:
        """What operators count of a source."""
        found = self.served.service.store.counts().tallies.get("incoming", {})
        return {
            what: number
            for label, number in found.items()
            for of, _, what in [label.partition(" ")]
            if of == source
        }

    def kept(self) -> dict[str, Any]:
        """Every row but counts: what a repetition must not change."""
        return {name: rows for name, rows in self.served.dump().items() if name != "tally"}


@contextmanager
def town(folder: Path) -> Iterator[Town]:
    """All of it; the source `hooked` is polled for two types."""
    secrets, tokens = folder / "secret", folder / "token"
    secrets.write_text(f"the other secret\n{SECRET}\n")
    tokens.write_text(TOKEN)
    ehr = FakeEhr()
    with serve(ehr) as address:
        fhir = {"url": address}
        sources = {
            "hubbed": {"fhir": fhir, "notify": {"secret_file": "secret"}},
            "plain": {"notify": {"secret_file": "secret"}},
            "hooked": {
                "fhir": fhir,
                "notify": {"bearer_file": "token"},
                "poll": {"types": ["Patient", "Condition"], "budget": 60_000},
            },
            "silent": {"fhir": fhir},
            "apart": {"ids": "own", "notify": {"secret_file": "secret"}},
            "far": {"ids": "own", "fhir": fhir, "notify": {"bearer_file": "token"}},
        }
        file = folder / "sources.yaml"
        file.write_text(yaml.safe_dump({"kind": "sources", "sources": sources}))
        with running(folder / "data", sources=file) as served:
            yield Town(served, ehr, folder)
