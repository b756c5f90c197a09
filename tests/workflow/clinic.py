"""One patient's chart, posted to a real store and evaluated; what was emitted, in short forms."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from referral_service.clinic.chart import build
from referral_service.clock import SystemClock
from referral_service.core.timeline import AnyFact
from referral_service.fhir.parse import dump, parse
from referral_service.fhir.read import patient_of
from referral_service.store.engine import connect
from referral_service.store.store import SqlStore
from referral_service.store.tables import resource as resource_table
from referral_service.workflow.assess import Assessor
from referral_service.workflow.ports import DEFAULT_TENANT, Happening, PatientId, Write
from tests.kit.judged import PATHWAY, READER, TODAY

CANONICAL = "https://spine-referral.example/fhir"

EXHAUSTED = [
    {"condition": "M51.360", "onset": -264, "id": "disc"},
    {"procedure": "97110", "every": {"from": -210, "to": -40, "step": 7}},
    {"medication": "198014", "from": -212, "supply": 180},
    {"score": "97909-6", "value": 48, "unit": "%", "on": -208},
    {"score": "97909-6", "value": 46, "unit": "%", "on": -12, "id": "latest"},
    {"imaging": "24968-0", "on": -137, "id": "mri"},
]


class DayClock:
    """A clock that stands at noon of a chosen day; leases run on real time."""

    def __init__(self) -> None:
        self.day = TODAY

    def now(self) -> datetime:
        return SystemClock().now()

    def as_of(self) -> datetime:
        return datetime(self.day.year, self.day.month, self.day.day, 12, tzinfo=UTC)


class Clinic:
    """One patient's chart, posted to a real store and evaluated."""

    def __init__(self, folder: Path) -> None:
        self.clock = DayClock()
        self.engine = connect(f"sqlite:///{folder / 'service.db'}")
        self.store = SqlStore(self.engine, SystemClock())
        self.store.migrate()
        self.assessor = Assessor(self.store, self.clock, PATHWAY, CANONICAL, "UTC")

    def post(self, *given: dict[str, Any], patient: str = "pat", evaluate: bool = True) -> None:
        for resource in build({"id": patient, "given": list(given)}, TODAY):
            self.put(resource)
        if evaluate:
            self.evaluate()

    def put(self, resource: dict[str, Any]) -> None:
        facts: tuple[AnyFact, ...] = READER.facts(resource)
        write = Write(
            type=resource["resourceType"],
            id=resource["id"],
            body=dump(resource),
            patient=PatientId(patient_of(resource) or ""),
            facts=facts,
            identity=READER.identity(resource),
        )
        subject = f"{write.type}/{write.id}"
        self.store.commit(DEFAULT_TENANT, [write], [Happening("received", subject, "Practitioner/demo")])

    def evaluate(self) -> None:
        while self.assessor.run_due():
            pass

    def emitted(self, kind: str) -> list[dict[str, Any]]:

        with self.engine.connect() as connection:
            rows = connection.execute(
                select(resource_table.c.body).where(
                    resource_table.c.type == kind, ~resource_table.c.is_deleted
                )
            )
            found = [parse(row.body) for row in rows]
        return sorted(found, key=lambda r: str(r.get("authoredOn", r["id"])))

    def outcomes(self) -> list[tuple[str | None, str]]:
        return [(said(g, "region"), said(g, "outcome") or "") for g in self.emitted("GuidanceResponse")]

    def proposals(self) -> list[tuple[str, str, str]]:
        return [
            (r["orderDetail"][0]["coding"][0]["code"], r["priority"], r["status"])
            for r in self.emitted("ServiceRequest")
            if r["intent"] == "proposal"
        ]

    def tasks(self) -> list[tuple[str, str, list[str]]]:
        return [
            (
                t["code"]["coding"][0]["code"],
                t["status"],
                [c["code"] for c in t["reasonCode"]["coding"]],
            )
            for t in self.emitted("Task")
        ]


def said(guidance: dict[str, Any], name: str) -> str | None:
    for parameter in guidance["contained"][0]["parameter"]:
        if parameter["name"] == name:
            return str(next(v for k, v in parameter.items() if k.startswith("value")))
    return None


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    """An empty clinic on the first of June 2026."""
    made = Clinic(tmp_path)
    yield made
    made.store.close()
