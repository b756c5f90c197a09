"""The store of bench.listing: some patients really evaluated, and their rows copied under other names."""

from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, NamedTuple, cast

import orjson
from msgspec.structs import replace
from sqlalchemy import Connection, Table, select

from referral_service.clinic.chart import build
from referral_service.core.referral import Business, Referral
from referral_service.core.timeline import Score
from referral_service.settings import Settings
from referral_service.store import bodies, results
from referral_service.store.bulk import Row, Statement, inserting
from referral_service.store.store import SqlStore
from referral_service.store.tables import (
    brief,
    episode,
    fact,
    microseconds,
    referral,
    resource,
    resource_version,
    token,
)
from referral_service.wiring import build_assessor, build_service, build_store
from referral_service.workflow.ingest import Change, Ingest
from referral_service.workflow.ports import DEFAULT_TENANT, PatientId

Json = dict[str, Any]
OPEN, CLOSED = 100_000, 20_000
NORA = "Practitioner/nora"
SYSTEM = "https://ehr.example/mrn"
_AT_ONCE = 2_000
_OWNERS: Final = (NORA, *(f"Practitioner/nurse-{number}" for number in range(20)))
_TRIAL: Final[list[Json]] = [
    {"condition": "M51.360", "onset": -264},
    {"procedure": "97110", "from": -210, "to": -40, "count": 40},
    {"medication": "198014", "from": -212, "supply": 180},
    {"score": "97909-6", "value": 48, "unit": "%", "on": -208},
    {"score": "97909-6", "value": 46, "unit": "%", "on": -12},
]
_MRI: Final[Json] = {"imaging": "24968-0", "on": -137}
STORIES: Final[dict[str, list[Json]]] = {
    "proposal": [*_TRIAL, _MRI],
    "unclear": _TRIAL,
    "flag": [*_TRIAL, _MRI, {"condition": "G83.4", "onset": -1, "id": "cauda"}],
}
_DRAFT: Final[Json] = {}
_APPROVED: Final[Json] = {"status": "completed", "task_status": "completed", "order_status": "active"}
_DECLINED: Final[Json] = {"status": "revoked", "task_status": "completed"}
_Step = tuple[str, Business | None]
_SENT: Final[tuple[_Step, ...]] = (("draft", None), ("requested", None))
_ACCEPTED: Final = (*_SENT, ("accepted", None))
_BOOKED: Final = (*_ACCEPTED, ("in-progress", cast(Business, "scheduled")))
_REPORTED: Final = (*_BOOKED, ("completed", cast(Business, "report-received")))


class Kind(NamedTuple):
    """Referrals of one kind: the story, how many of a hundred, how they stand, how their orders fared."""

    story: str
    share: float
    stands: Json
    course: tuple[_Step, ...] = ()


KINDS: Final = (
    Kind("flag", 0.1, _DRAFT),
    Kind("proposal", 46, _DRAFT),
    Kind("unclear", 15, _DRAFT),
    Kind("proposal", 8, _APPROVED, _SENT[:1]),
    Kind("proposal", 1, {**_APPROVED, "is_unsendable": True}, _SENT[:1]),
    Kind("proposal", 9, _APPROVED, _SENT),
    Kind("proposal", 9, _APPROVED, _ACCEPTED),
    Kind("proposal", 9, _APPROVED, _BOOKED),
    Kind("proposal", 2, _APPROVED, (*_BOOKED, ("in-progress", "no-show"))),
)
ENDED: Final = (
    Kind("proposal", 60, {**_APPROVED, "order_status": "completed"}, _REPORTED),
    Kind("proposal", 40, _DECLINED),
)


class Known(NamedTuple):
    """What a page may be asked for: a place in the middle of the list to review, a patient, a referral."""

    place: str
    identifier: str
    task: str


class Template(NamedTuple):
    """The rows of one patient who was really evaluated, by column."""

    episode: Json
    brief: Json
    facts: list[Json]
    patient: Json
    review: Json
    referral: Referral


def fill(settings: Settings) -> Known:
    """A store with OPEN and CLOSED referrals."""
    store = build_store(settings)
    store.migrate()
    service = build_service(settings)
    ingest, today = Ingest(store, service.reader), service.clock.as_of().date()
    for story, given in STORIES.items():
        changes = [Change(resource=one, path="Bundle") for one in build({"id": story, "given": given}, today)]
        ingest.submit(DEFAULT_TENANT, ingest.writes(changes), NORA).result()
    service.close()
    assessor = build_assessor(settings, store)
    while assessor.run_due():
        pass
    with store.engine.begin() as connection:
        templates = {story: _template(connection, story) for story in STORIES}
    chance, now = Random(1), service.clock.now()  # noqa: S311 - the same at every run
    names = [*_kinds(chance, KINDS, OPEN), *_kinds(chance, ENDED, CLOSED)]
    for first in range(0, len(names), _AT_ONCE):
        copies = Copies(now, chance)
        for number, kind in enumerate(names[first : first + _AT_ONCE], first):
            copies.add(templates[kind.story], f"copy-{number:06}", kind)
        with store.engine.begin() as connection:
            copies.insert(connection)
    known = _known(store, templates["proposal"])
    store.close()
    return known


def _kinds(chance: Random, kinds: tuple[Kind, ...], number: int) -> list[Kind]:
    return chance.choices(kinds, [one.share for one in kinds], k=number)


def _template(connection: Connection, who: str) -> Template:
    (kept,) = _rows(connection, referral, "patient = ?", who)
    facts = _rows(connection, fact, "patient = ?", who)
    (one,) = _rows(connection, episode, "patient = ?", who)
    (said,) = _rows(connection, brief, "patient = ?", who)
    (person,) = _rows(connection, resource, "type = 'Patient' AND id = ?", who)
    (review,) = _rows(connection, resource, "type = 'Task' AND id = ?", kept["task"])
    scores = [it for it in facts if isinstance(bodies.fact(it["body"]), Score)]
    return Template(one, said, scores, person, review, bodies.referral(kept["body"]))


def _rows(connection: Connection, of: Table, condition: str, value: str) -> list[Json]:
    """As the driver has them."""
    names = [column.name for column in of.columns]
    columns = ", ".join(f'"{name}"' for name in names)
    asked = Statement(f"SELECT {columns} FROM {of.name} WHERE {condition}")  # noqa: S608 - ours
    return [dict(zip(names, row, strict=True)) for row in asked.read(connection, (value,))]


class Copies:
    """Some patients that are like a template, to be inserted at once."""

    def __init__(self, now: datetime, chance: Random) -> None:
        """Times lie around `now`."""
        self._now = now
        self._chance = chance
        self._rows: dict[Table, list[Row]] = {}
        self._referrals: list[Referral] = []

    def add(self, template: Template, who: str, kind: Kind) -> None:
        """One more."""
        drafted = self._now - timedelta(minutes=self._chance.randrange(1, 400 * 24 * 60))
        self._person(template, who)
        for one in template.facts:
            self._copy(fact, one, patient=who)
        self._copy(episode, template.episode, patient=who)
        self._copy(brief, template.brief, patient=who)
        last = self._course(kind, who, drafted)
        owner = self._chance.choice(_OWNERS) if self._chance.random() < 0.1 else None
        made = replace(
            template.referral,
            id=f"{who}-request",
            identifier=who,
            task=f"{who}-review",
            authored_at=drafted,
            due_at=self._now + timedelta(minutes=self._chance.randrange(-20 * 24 * 60, 20 * 24 * 60)),
            owner=owner,
            **self._asks(template.referral),
            **kind.stands,
            **last,
        )
        self._referrals.append(made)
        review = {**orjson.loads(template.review["body"]), "id": made.task, "status": made.task_status}
        if kind.stands == _DECLINED:
            review["output"] = [{"valueCodeableConcept": {"coding": [{"code": "more-care"}]}}]
        answered = drafted if made.task_status == "requested" else drafted + self._span(48)
        self._version(resource, made.task, who, review, answered, 1)

    def _asks(self, like: Referral) -> Json:
        """What is asked for; a review alone, and a red flag, ask for what they do."""
        if like.target is None or like.urgency == "urgent":
            return {}
        target, region = (
            self._chance.choices(("intradiscal", "surgical"), (60, 40)),
            self._chance.choices(("lumbar", "thoracic"), (98, 2)),
        )
        return {"target": target[0], "region": region[0]}

    def _person(self, template: Template, who: str) -> None:
        body = {
            **orjson.loads(template.patient["body"]),
            "id": who,
            "name": [{"given": [f"Given {who[-3:]}"], "family": f"Family {who[-6:]}"}],
            "identifier": [{"system": SYSTEM, "value": who}],
        }
        self._copy(resource, template.patient, id=who, patient=who, body=orjson.dumps(body))
        self._rows.setdefault(token, []).append((DEFAULT_TENANT, "Patient", "identifier", who, who, SYSTEM))

    def _course(self, kind: Kind, who: str, drafted: datetime) -> Json:
        """The versions of the Task to fulfil; what they make of the referral."""
        if not kind.course:
            return {}
        id, at, sent_at = f"{who}-fulfill", drafted + self._span(48), None
        for version, (status, business) in enumerate(kind.course, 1):
            task = {"resourceType": "Task", "id": id, "status": status}
            if business:
                task |= {"businessStatus": {"text": business}, "executionPeriod": {"start": at.isoformat()}}
            if status == "requested":
                sent_at = at
            is_last = version == len(kind.course)
            self._version(resource if is_last else resource_version, id, who, task, at, version)
            at += self._span(200)
        status, business = kind.course[-1]
        found = {"fulfillment": id, "fulfillment_status": status, "business": business}
        return {**found, "order": f"{who}-order", "sent_at": sent_at}

    def _span(self, hours: int) -> timedelta:
        return timedelta(hours=1 + self._chance.randrange(hours))

    def _version(self, of: Table, id: str, who: str, body: Json, at: datetime, version: int) -> None:
        row = {
            "tenant": DEFAULT_TENANT,
            "type": "Task",
            "id": id,
            "updated_at": microseconds(at),
            "is_deleted": False,
            "is_posted": False,
            "patient": who,
            "body": orjson.dumps(body),
            "version": version,
            "found_by": b"",
        }
        self._copy(of, row)

    def _copy(self, of: Table, row: Json, **changed: object) -> None:
        whole = {**row, **changed}
        self._rows.setdefault(of, []).append(tuple(whole[column.name] for column in of.columns))

    def insert(self, connection: Connection) -> None:
        """All of them, each Task before its referral."""
        for of, rows in self._rows.items():
            inserting(of).run(connection, rows)
        found = [(DEFAULT_TENANT, PatientId(one.identifier), one) for one in self._referrals]
        results.keep(connection, found)


def _known(store: SqlStore, template: Template) -> Known:
    listed = select(referral.c.due_at, referral.c.task, referral.c.identifier).where(
        referral.c.tenant == DEFAULT_TENANT, referral.c.stage == "review"
    )
    with store.engine.connect() as connection:
        middle = connection.execute(
            listed.order_by(referral.c.due_at, referral.c.task).offset(OPEN // 4).limit(1)
        ).one()
    return Known(f"{microseconds(middle.due_at)}-{middle.task}", middle.identifier, template.referral.task)
