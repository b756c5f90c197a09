"""Bulk exports under test: what they are asked of, what they said, how long they would have waited."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from referral_service.core.problem import Category, Problem
from referral_service.ehr.bulk import BulkExport, Fetched, kick_off
from referral_service.ehr.client import EhrClient
from tests.ehr.other_side import OtherSide, Reply, by_path, says

Json = dict[str, Any]
AT = "2026-06-01T08:00:00.000Z"
TWO = b'{"resourceType": "Patient", "id": "a"}\n{"resourceType": "Patient", "id": "b"}\n'


class Ended(Exception):
    """The process ends here."""


class Export:
    """Exports of one place, with what they said and how long they waited."""

    def __init__(self, client: EhrClient, url: str, folder: Path, asked: str = "") -> None:
        self.waits: list[float] = []
        self.said: list[str] = []
        self.ends_at_waiting = False
        self.folder = folder
        asked = asked or kick_off(url, "", ())
        self.export = BulkExport(client.calls, asked, folder, self.said.append, self.wait)

    def wait(self, seconds: float) -> None:
        """Does not."""
        if self.ends_at_waiting:
            raise Ended
        self.waits.append(seconds)

    def fetch(self, since: str = "") -> Fetched:
        return self.export.fetch(since)

    def fails(self) -> Category:
        """Fetching fails; in which way."""
        with pytest.raises(Problem) as raised:
            self.fetch()
        return raised.value.category


def started(location: str = "/status") -> Reply:
    return says(202, Content_Location=location)


def manifest(*files: str | Json, **more: Any) -> Json:
    output = [{"type": "Patient", "url": one} if isinstance(one, str) else one for one in files]
    return {
        "transactionTime": AT,
        "request": "x",
        "requiresAccessToken": False,
        "output": output,
        "error": [],
        **more,
    }


def ready(found: Json) -> Reply:
    return says(200, json.dumps(found).encode(), Content_Type="application/json")


def side_with(found: Json | Reply, **routes: Reply) -> Reply:
    """An export whose status is `found`; files by their name."""
    return by_path(
        {
            "/fhir/Patient/$export": started(),
            "/status": ready(found) if isinstance(found, dict) else found,
            **{f"/{name}": reply for name, reply in routes.items()},
        }
    )


def asked_for(side: OtherSide, path: str, method: str = "GET") -> int:
    return sum(one.path.partition("?")[0] == path and one.method == method for one in side.asked)


def texts(paths: list[Path]) -> list[bytes]:
    return [gzip.decompress(it.read_bytes()) if it.suffix == ".gz" else it.read_bytes() for it in paths]
