"""Each interaction leaves its AuditEvent, which is BALP's, valid R4, and has ids in it only."""

from base64 import b64decode
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from fhir_profiles.build_definitions import Definitions
from fhir_profiles.validate import Job, Pyrofile
from referral_service.fhir.check import check
from tests.audit.conftest import CANARY, Audited
from tests.auth.house import House
from tests.auth.neighbours import body_of, ways

Json = dict[str, Any]
GOAL: Json = {
    "resourceType": "Goal",
    "id": "g",
    "lifecycleStatus": "active",
    "description": {"text": CANARY},
    "subject": {"reference": "Patient/shared"},
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
Ask = Callable[[House, dict[str, str]], httpx.Response]


def put(home: House, who: dict[str, str], **changed: Any) -> httpx.Response:
    goal = {**GOAL, **changed}
    return home.http.put(f"/Goal/{goal['id']}", json=goal, headers=who)


def sent(home: House, who: dict[str, str], kind: str, *entries: Json) -> httpx.Response:
    return home.http.post("", json={"resourceType": "Bundle", "type": kind, "entry": [*entries]}, headers=who)


def entry(method: str, url: str, resource: Json | None = None) -> Json:
    return {"request": {"method": method, "url": url}, **({"resource": resource} if resource else {})}


# What is asked; the interaction's code; BALP's profile, if it has one; what the event is about; its outcome.
CASES: dict[str, tuple[Ask, str, str, str, str]] = {
    "update": (lambda h, w: put(h, w, language="de"), "update", "PatientUpdate", "Goal/g", "0"),
    "the same again": (lambda h, w: put(h, w, language="de"), "update", "PatientUpdate", "Goal/g", "0"),
    "create": (
        lambda h, w: h.http.post("/Goal", json=GOAL, headers=w),
        "create",
        "PatientCreate",
        "Goal/",
        "0",
    ),
    "read": (lambda h, w: h.http.get("/Goal/g", headers=w), "read", "PatientRead", "Goal/g", "0"),
    "vread": (
        lambda h, w: h.http.get("/Goal/g/_history/1", headers=w),
        "vread",
        "PatientRead",
        "Goal/g",
        "0",
    ),
    "history": (
        lambda h, w: h.http.get("/Goal/g/_history", headers=w),
        "history-instance",
        "",
        "Goal/g",
        "0",
    ),
    "search": (
        lambda h, w: h.http.get("/Goal?patient=shared", headers=w),
        "search-type",
        "PatientQuery",
        "",
        "0",
    ),
    "search by POST": (
        lambda h, w: h.http.post("/Goal/_search", content="subject=Patient/shared", headers=w | FORM),
        "search-type",
        "PatientQuery",
        "",
        "0",
    ),
    "compartment": (
        lambda h, w: h.http.get("/Patient/shared/Goal", headers=w),
        "search-type",
        "PatientQuery",
        "",
        "0",
    ),
    "nothing found in a compartment": (
        lambda h, w: h.http.get(f"/Patient/shared/Goal?identifier={CANARY}", headers=w),
        "search-type",
        "PatientQuery",
        "",
        "0",
    ),
    "nothing found": (
        lambda h, w: h.http.get(f"/Goal?identifier={CANARY}", headers=w),
        "search-type",
        "Query",
        "",
        "0",
    ),
    "operation": (
        lambda h, w: h.http.get("/Patient/shared/$assess", headers=w),
        "operation",
        "",
        "Patient/shared",
        "0",
    ),
    "delete": (lambda h, w: h.http.delete("/Goal/g", headers=w), "delete", "PatientDelete", "Goal/g", "0"),
    "nothing there": (lambda h, w: h.http.get("/Goal/none", headers=w), "read", "", "Goal/none", "4"),
    "another's": (
        lambda h, w: h.http.get("/Patient/of-the-south", headers=w),
        "read",
        "",
        "Patient/of-the-south",
        "4",
    ),
    "an approval": (
        lambda h, w: h.http.post("/ServiceRequest/none/$approve", headers=w),
        "operation",
        "",
        "ServiceRequest/none",
        "4",
    ),
    "the trail": (lambda h, w: h.http.get("/AuditEvent", headers=w), "search-type", "", "", "4"),
    "a wrong body": (lambda h, w: put(h, w, lifecycleStatus=CANARY), "update", "", "Goal/g", "4"),
    "no such type": (lambda h, w: h.http.get(f"/{CANARY}/7", headers=w), "read", "", "", "4"),
    "a refused transaction": (
        lambda h, w: sent(h, w, "transaction", entry("GET", "Goal/none")),
        "transaction",
        "",
        "",
        "4",
    ),
    "an entry of a batch": (
        lambda h, w: sent(h, w, "batch", entry("GET", "Patient/shared")),
        "read",
        "PatientRead",
        "Patient/shared",
        "0",
    ),
    "an entry of a transaction": (
        lambda h, w: sent(h, w, "transaction", entry("PUT", "Goal/t", {**GOAL, "id": "t"})),
        "update",
        "PatientUpdate",
        "Goal/t",
        "0",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_interaction_leaves_its_event(audited: Audited, name: str) -> None:
    ask, code, profile, about, outcome = CASES[name]
    last = audited.last

    answer = ask(audited.home, audited.home.as_client("north"))

    (event,) = audited.after(last)
    assert answer.is_success == (outcome == "0"), answer.text
    assert event["subtype"][0]["code"] == code
    assert event["outcome"] == outcome
    assert event.get("meta", {}).get("profile", [""])[0].endswith(profile)
    assert bool(profile) == ("profile" in event.get("meta", {}))
    told = [one["what"].get("reference", "") for one in event.get("entity", ()) if "what" in one]
    assert not about or told[0].startswith(about)
    assert not profile or ("Patient/shared" in told) == profile.startswith("Patient")
    client = event["agent"][0]
    assert (client["who"], client["network"]) == (
        {"reference": "Device/north"},
        {"address": "127.0.0.1", "type": "2"},
    )


def test_a_search_is_told_by_the_names_of_its_parameters(audited: Audited) -> None:
    asked = f"/Condition?code={CANARY}&_count=7&{CANARY}=x&clinical-status=active"
    audited.home.http.get(asked, headers=audited.home.as_client("north"))

    (query,) = (one["query"] for one in audited.events()[0]["entity"] if "query" in one)
    assert b64decode(query).decode() == "Condition?code&_count&other&clinical-status"


def test_whoever_is_in_the_answer_is_named(audited: Audited) -> None:
    who = audited.home.as_client("north")
    for name in ("one", "two"):
        put(audited.home, who, id=f"of-{name}", subject={"reference": f"Patient/{name}"})
    audited.home.http.get("/Goal?_count=500", headers=who)

    named = {one["what"]["reference"] for one in audited.events()[0]["entity"] if "what" in one}
    assert {"Patient/one", "Patient/two"} <= named


def test_decisions_are_on_record(audited: Audited) -> None:
    told = {one["outcomeDesc"] for one in audited.events(agent="Device/referral-service")}

    assert {"decided", "drafted"} <= told
    assert audited.events(agent="Device/referral-service", patient="shared")


def test_nothing_is_asked_without_an_event(audited: Audited) -> None:
    """Every way that the table of interactions has, whatever becomes of it."""
    who = audited.home.as_client("north")
    for way in ways():
        last = audited.last
        more = body_of(way, "shared")
        path = way.address.format(id="shared", patient="shared")
        audited.home.http.request(way.method, path, **{**more, "headers": {**more.get("headers", {}), **who}})
        assert audited.last > last, way


def test_no_value_is_in_any_event(audited: Audited) -> None:
    who = {**audited.home.as_client("north"), "X-Request-Id": CANARY}
    put(audited.home, who, language=CANARY)
    audited.home.http.get(f"/Patient?identifier={CANARY}&{CANARY}:{CANARY}={CANARY}", headers=who)
    audited.home.http.post(f"/Goal/_search?code={CANARY}", content=f"{CANARY}={CANARY}", headers=who | FORM)
    audited.home.http.get(f"/{CANARY}", headers=who)
    audited.home.http.get(f"/Goal/{CANARY}!", headers=who)

    lines = str(audited.home.server.dump()["ledger"])
    events = "".join(
        b64decode(e["query"]).decode()
        for one in audited.events()
        for e in one.get("entity", ())
        if "query" in e
    )
    assert CANARY not in lines + events + str(audited.events())


def test_every_event_is_r4_to_us_and_to_a_foreign_validator(audited: Audited) -> None:
    events = {one["id"]: one for one in audited.events()}
    kinds = {
        str([one["type"]["code"], one.get("subtype"), one["outcome"], len(one.get("entity", ()))]): one
        for one in events.values()
    }
    assert len(kinds) >= 12
    assert {id: found for id, one in events.items() if (found := check(one))} == {}

    # BALP's definitions are not here; what they ask beyond R4 is tested above.
    bare = [{name: said for name, said in one.items() if name != "meta"} for one in kinds.values()]
    jobs = [Job(one["id"], one) for one in bare]
    assert {job: found for job, found in Pyrofile(Definitions(())).problems(jobs).items() if found} == {}
