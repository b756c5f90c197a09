"""Builds examples/ by telling one patient's story to the real store and the real worker, state by state.

Each state is a Bundle of what the service emitted or changed in it; `chart.json` is what it had received by
the end. The clock stands still within a state, and ids follow from their content: the same story and the same
code give the same bytes.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from sqlalchemy import select

from fhir_profiles import EXAMPLES, RESOURCES
from fhir_profiles.build_valuesets import CANONICAL_BASE
from referral_service.clinic.chart import build as chart_of
from referral_service.core.fulfillment import Within
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.parse import dump, parse
from referral_service.fhir.read import Reader, patient_of
from referral_service.fhir.write import Names
from referral_service.pathways import load
from referral_service.store.answers import Answers
from referral_service.store.engine import connect
from referral_service.store.store import SqlStore
from referral_service.store.tables import resource as resource_table
from referral_service.workflow.assess import Assessor
from referral_service.workflow.hand_over import sent
from referral_service.workflow.ports import DEFAULT_TENANT, Happening, PatientId, Write
from referral_service.workflow.review import Answerable, Asked, Review
from referral_service.workflow.track import Heard, Track

Resource = dict[str, Any]

EMITTED = ("GuidanceResponse", "ServiceRequest", "Task", "DetectedIssue", "Provenance")
_OPENING_HOUR = time(9, tzinfo=UTC)
_COORDINATOR = "Practitioner/demo"
_FULFILLER = "Organization/spine-clinic"
_OF_REQUESTS = ("approve", "decline", "withdraw")
_WAITS = ("draft", "requested", "in-progress")


class StandingClock:
    """Stands at nine in the morning, UTC, of the day it is set to."""

    def __init__(self, day: date) -> None:
        """`day` may be changed."""
        self.day = day

    def now(self) -> datetime:
        """Nine o'clock of that day."""
        return datetime.combine(self.day, _OPENING_HOUR)

    def as_of(self) -> datetime:
        """The same."""
        return self.now()


class Telling:
    """One patient's chart in a store of its own."""

    def __init__(self, folder: Path, begins: date) -> None:
        """The store lies in `folder`."""
        self.begins = begins
        self.clock = StandingClock(begins)
        self.received: dict[str, Resource] = {}
        self._emitted: dict[str, Resource] = {}
        self._engine = connect(f"sqlite:///{folder / 'story.db'}")
        self._store = SqlStore(self._engine, self.clock)
        self._store.migrate()
        self._reader = Reader(Terminology.load(RESOURCES / "valuesets"), CANONICAL_BASE)
        pathway = load()
        self._assessor = Assessor(self._store, self.clock, pathway, CANONICAL_BASE, "UTC")
        names = Names(CANONICAL_BASE, pathway.id, pathway.version)
        self._desk = Answers(self._engine, self.clock)
        self._review = Review(self._desk, self.clock, names)
        self._within = Within.of(pathway.numbers)
        self._track = Track(self._desk, self.clock, names, self._within, UTC)

    def close(self) -> None:
        """The database is no longer used."""
        self._store.close()

    def tell(self, chart: Iterable[Resource], state: Resource) -> list[Resource]:
        """Posts what is new by that day, lets the worker decide and people answer; what changed of ours."""
        self.clock.day = self.begins + timedelta(days=state["day"])
        news = [one for one in chart if self.received.get(_name(one)) != one]
        self._store.commit(
            DEFAULT_TENANT, [self._write(one) for one in news], [_arrival(one) for one in news]
        )
        self.received.update({_name(one): one for one in news})
        self._judge()
        for said in state.get("says", ()):
            self._say(said)
            self._judge()
        for said in state.get("fares", ()):
            self._fare(said)
            self._judge()
        before, self._emitted = self._emitted, {_name(one): one for one in self._ours()}
        return [one for name, one in self._emitted.items() if before.get(name) != one]

    def _say(self, said: Resource) -> None:
        kind: Answerable = "ServiceRequest" if said["verb"] in _OF_REQUESTS else "Task"
        mine = (one for one in self._ours() if one["resourceType"] == kind)
        (waiting,) = (one["id"] for one in mine if one["status"] in _WAITS)
        self._review.run(DEFAULT_TENANT, Asked(type=kind, id=waiting, actor=_COORDINATOR, **said))

    def _fare(self, said: Resource | str) -> None:
        """The order arrives at its fulfiller, or the fulfiller says how it fares."""
        (task,) = (one for one in self._ours() if one["resourceType"] == "Task" and _code(one) == "fulfill")
        if isinstance(said, dict):
            self._track.update(DEFAULT_TENANT, task["id"], Heard(task={**task, **said}, actor=_FULFILLER))
            return
        opened = self._desk.open(DEFAULT_TENANT, "Task", task["id"])
        answered = sent(opened, self.clock.now(), self._within) if opened else None
        if answered:
            self._desk.answer(DEFAULT_TENANT, answered)

    def _judge(self) -> None:
        while self._assessor.run_due():
            pass

    def _write(self, resource: Resource) -> Write:
        return Write(
            type=resource["resourceType"],
            id=resource["id"],
            body=dump(resource),
            patient=PatientId(patient_of(resource) or ""),
            facts=self._reader.facts(resource),
        )

    def _ours(self) -> Iterator[Resource]:
        """What the service has written, as it stands now, kind by kind."""
        query = select(resource_table.c.body).where(~resource_table.c.is_deleted)
        with self._engine.connect() as connection:
            bodies = connection.execute(query.order_by(resource_table.c.id)).scalars().all()
        found = [one for one in map(parse, bodies) if _name(one) not in self.received]
        for kind in EMITTED:
            yield from (one for one in found if one["resourceType"] == kind)


def build() -> dict[str, str]:
    """Every example, as its path below fhir_profiles/ and its text."""
    story = yaml.safe_load((EXAMPLES / "story.yaml").read_text(encoding="utf-8"))
    states, begins = story.pop("states"), story.pop("begins")
    built = {}
    with TemporaryDirectory() as folder:
        telling = Telling(Path(folder), begins)
        try:
            given: dict[str, Any] = {}
            for number, state in enumerate(states, 1):
                # A line of an id that was told before takes its place: the same resource, changed.
                given.update({line["id"]: line for line in state["given"]})
                chart = chart_of({**story, "given": [*given.values()]}, begins)
                name = f"{number:02}-{state['state']}"
                built[f"examples/{name}.json"] = _text(name, telling.tell(chart, state))
            built["examples/chart.json"] = _text("chart", telling.received.values())
        finally:
            telling.close()
    return built


def _arrival(resource: Resource) -> Happening:
    return Happening("received", _name(resource), _COORDINATOR)


def _code(task: Resource) -> str:
    code: str = task["code"]["coding"][0]["code"]
    return code


def _name(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _text(ident: str, resources: Iterable[Resource]) -> str:
    bundle = {
        "resourceType": "Bundle",
        "id": ident,
        "type": "collection",
        "entry": [{"fullUrl": f"{CANONICAL_BASE}/{_name(one)}", "resource": one} for one in resources],
    }
    return json.dumps(bundle, indent=1, ensure_ascii=False) + "\n"
