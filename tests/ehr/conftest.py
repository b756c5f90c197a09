"""The client under test, closed when its test ends."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from referral_service.ehr import breaker, login
from referral_service.ehr.client import EhrClient
from referral_service.ehr.endpoint import Endpoint, Limits
from tests.ehr.exporting import Export
from tests.ehr.other_side import QUICK


class Watch:
    """What breaker and login take for the time: it stands until the test moves it."""

    seconds = 0.0

    def passes(self, seconds: float) -> None:
        """So much later."""
        self.seconds += seconds


Client = Callable[..., EhrClient]
Exports = Callable[..., Export]


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """At zero."""
    watch = Watch()
    for part in (breaker, login):
        monkeypatch.setattr(part, "monotonic", lambda: watch.seconds)
    return watch


@pytest.fixture
def client() -> Iterator[Client]:
    """Makes a client of the FHIR server at an address; further words are the Endpoint's."""
    with ExitStack() as stack:

        def made(url: str, limits: Limits = QUICK, **more: Any) -> EhrClient:
            endpoint = Endpoint(url=url, **{"timeout_seconds": 3.0, **more})
            return stack.enter_context(closing(EhrClient(endpoint, limits)))

        yield made


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A private key of our own."""
    file = tmp_path / "key.pem"
    file.write_bytes(ECKey.generate_key("P-384").as_pem(private=True))
    return file


@pytest.fixture
def export(client: Client, tmp_path: Path) -> Exports:
    """Makes a bulk export of the FHIR server at an address; further words are the Endpoint's."""

    def made(url: str, asked: str = "", **more: Any) -> Export:
        return Export(client(url, **more), url, tmp_path / "exports" / "north", asked)

    return made
