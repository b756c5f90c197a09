"""People who answer in the clinic, and what is to be seen of it afterwards, in short forms."""

from typing import Any

import pytest
from sqlalchemy import select

from referral_service.clock import SystemClock
from referral_service.core.problem import Category, Problem
from referral_service.fhir.parse import parse
from referral_service.fhir.write import Names
from referral_service.store.answers import Answers
from referral_service.store.tables import ledger
from referral_service.workflow.ports import DEFAULT_TENANT, Stored
from referral_service.workflow.review import Answerable, Asked, Review, Verb
from tests.workflow.clinic import CANONICAL, Clinic

Json = dict[str, Any]
NURSE, DOCTOR, ROLE = "Practitioner/nurse-7", "Practitioner/doctor-2", "PractitionerRole/on-call"
NAMES = Names(CANONICAL, "spine-conservative-care", "1.0.0")
CAUDA = {"condition": "G83.4", "onset": -3, "id": "cauda"}
RETENTION = {"condition": "R33.9", "onset": -3, "id": "retention"}
IN_TRIAL = {"condition": "M51.26", "onset": -30, "id": "disc"}


def say(clinic: Clinic, verb: Verb, resource: Json, actor: str = NURSE, **more: Any) -> Json:
    """The answer's resource, after the worker has had its turn."""
    stored = tell(clinic, verb, resource, actor, **more)
    clinic.evaluate()
    return stored


def tell(clinic: Clinic, verb: Verb, resource: Json, actor: str = NURSE, **more: Any) -> Json:
    """The answer's resource, before any worker has had a turn."""
    kind: Answerable = resource["resourceType"]
    review = Review(Answers(clinic.engine, SystemClock()), SystemClock(), NAMES)
    stored: Stored = review.run(DEFAULT_TENANT, Asked(verb, kind, resource["id"], actor, **more))
    return parse(stored.body)


def refused(clinic: Clinic, verb: Verb, resource: Json, **more: Any) -> tuple[Category, str]:
    with pytest.raises(Problem) as refusal:
        say(clinic, verb, resource, **more)
    return refusal.value.category, refusal.value.issues[0].diagnostics


def proposal(clinic: Clinic) -> Json:
    """The one that is open."""
    (found,) = (r for r in clinic.emitted("ServiceRequest") if r["status"] in ("draft", "on-hold"))
    return found


def task(clinic: Clinic, code: str = "approve") -> Json:
    """The last of its code."""
    return [t for t in clinic.emitted("Task") if t["code"]["coding"][0]["code"] == code][-1]


def again(clinic: Clinic, resource: Json) -> Json:
    (found,) = (r for r in clinic.emitted(resource["resourceType"]) if r["id"] == resource["id"])
    return found


def statuses(clinic: Clinic) -> list[tuple[str, str]]:
    requests = [(r["intent"], r["status"]) for r in clinic.emitted("ServiceRequest")]
    return requests + [(t["code"]["coding"][0]["code"], t["status"]) for t in clinic.emitted("Task")]


def lines(clinic: Clinic) -> list[tuple[str, str, str, str]]:
    """What people did, as the ledger has it."""
    with clinic.engine.connect() as connection:
        rows = connection.execute(select(ledger).order_by(ledger.c.seq)).all()
    return [(r.kind, r.subject, r.actor, r.detail) for r in rows if r.actor in (NURSE, DOCTOR, ROLE)]


def told_by_people(clinic: Clinic) -> list[tuple[str, str, list[str]]]:
    """Each Provenance of a person: the verb, who, and of what."""
    found = [p for p in clinic.emitted("Provenance") if "activity" in p]
    return [
        (p["activity"]["text"], p["agent"][0]["who"]["reference"], [t["reference"] for t in p["target"]])
        for p in sorted(found, key=lambda p: str(p["recorded"]))
    ]
