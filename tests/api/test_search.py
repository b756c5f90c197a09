"""Searching: each parameter, pages, and what a search must refuse."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from referral_service.store.search import Search
from referral_service.workflow.ports import DEFAULT_TENANT, PatientId, Term, Write
from tests.api.charts import CLINICAL, ICD_10_CM, condition, issues, new_id, order, patient, score, therapy
from tests.kit.databases import postgresql
from tests.kit.server import Running, ids, running


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service on each of the two databases."""
    folder = tmp_path_factory.mktemp("searched")
    if request.param == "sqlite":
        with running(folder) as served:
            yield served
    else:
        with postgresql() as address, running(folder, database_url=address) as served:
            yield served


def stored(server: Running, *resources: dict[str, Any]) -> list[str]:
    """Their ids, after a create each."""
    return [server.post(resource).json()["id"] for resource in resources]


def test_a_patients_resources_are_found_however_the_patient_is_named(server: Running) -> None:
    who = new_id()
    mine = stored(server, condition(f"Patient/{who}"), condition(f"https://ehr.example/r4/Patient/{who}"))
    stored(server, condition(f"Patient/{who}0"))
    for asked in (who, f"Patient/{who}", f"https://other.example/fhir/Patient/{who}"):
        assert set(ids(server.search("Condition", patient=asked))) == set(mine)
        assert set(ids(server.search("Condition", subject=asked))) == set(mine)
    assert set(ids(server.search("Condition", **{"subject:Patient": who}))) == set(mine)
    assert set(ids(server.search(f"Patient/{who}/Condition"))) == set(mine)
    assert server.search(f"Patient/{who}/Procedure")["total"] == 0


def test_codes_are_found_by_system_and_code(server: Running) -> None:
    who = new_id()
    local = condition(f"Patient/{who}")
    local["code"] = {"coding": [{"code": "BACK"}, {"system": "urn:local", "code": "a|b,c"}]}
    icd, ours = stored(server, condition(f"Patient/{who}", "M51.26"), local)

    def found(code: str) -> set[str]:
        return set(ids(server.search("Condition", patient=who, code=code)))

    assert found("M51.26") == found(f"{ICD_10_CM}|M51.26") == found(f"{ICD_10_CM}|") == {icd}
    assert found("|BACK") == found("BACK") == found(r"urn:local|a\|b\,c") == {ours}
    assert found("M51.26,BACK") == {icd, ours}
    assert found("|M51.26") == found("urn:local|M51.26") == found("M51") == found("m51.26") == set()


def test_an_escaped_bar_belongs_to_the_value(server: Running) -> None:
    number = new_id("n")
    pairs = [(f"urn:{number}", r"a|b"), (f"urn:{number}|a", "b"), ("urn:other", "a|b"), ("urn:other", r"a\b")]
    known = [patient(identifier=[{"system": system, "value": value}]) for system, value in pairs]
    one, two, three, four = stored(server, *known)

    def found(identifier: str) -> set[str]:
        return set(ids(server.search("Patient", identifier=identifier, _id=f"{one},{two},{three},{four}")))

    assert found(rf"urn:{number}|a\|b") == found(f"urn:{number}|a|b") == {one}
    assert found(rf"urn:{number}\|a|b") == {two}
    assert found(r"a\|b,urn:other|a\\b") == {one, three, four}
    assert found(rf"urn:{number}\|a|b,urn:{number}|a\|b") == {one, two}


def test_statuses_have_the_system_that_their_element_implies(server: Running) -> None:
    who = new_id()
    (ours,) = stored(server, order(f"Patient/{who}", priority="urgent"))
    (active,) = stored(server, condition(f"Patient/{who}"))
    for status in ("active", "http://hl7.org/fhir/request-status|active", "completed,active"):
        assert ids(server.search("ServiceRequest", patient=who, status=status)) == [ours]
    assert ids(server.search("ServiceRequest", patient=who, status="urn:other|active")) == []
    assert ids(server.search("ServiceRequest", patient=who, intent="order", priority="urgent")) == [ours]
    for status in ("active", f"{CLINICAL}|active"):
        assert ids(server.search("Condition", patient=who, clinical_status=status)) == [active]


def test_repeating_a_parameter_narrows(server: Running) -> None:
    who = new_id()
    both = condition(f"Patient/{who}")
    both["code"]["coding"].append({"system": "urn:local", "code": "X"})
    (wanted, _) = stored(server, both, condition(f"Patient/{who}"))
    answer = server.http.get("/Condition", params=[("patient", who), ("code", "M51.26"), ("code", "X")])
    assert ids(answer.json()) == [wanted]


# The Procedure of 10 March 2026, one of March 2026, one from then until an end that is not known.
DATES = {
    "2026-03-10": "d",
    "eq2026-03": "dm",
    "ne2026-03": "o",
    "gt2026-03-10": "mo",
    "ge2026-03-10": "dmo",
    "lt2026-03-10": "m",
    "le2026-03-10": "dm",
    "sa2026-03-09": "do",
    "eb2026-03-11": "d",
    "eb2026-04": "dm",
    "2025": "",
    "2026-03-10T12:00:00Z": "",
    "ap2026-03-10": "dmo",
}


@pytest.mark.parametrize("asked", DATES)
def test_dates_are_compared_as_the_ranges_they_are(server: Running, asked: str) -> None:
    who = f"Patient/dates-{'-'.join(map(str, map(ord, asked)))}"[:64]
    dated = {
        "d": therapy(who, "2026-03-10"),
        "m": therapy(who, "2026-03"),
        "o": therapy(who, "", performedPeriod={"start": "2026-03-10"}),
    }
    del dated["o"]["performedDateTime"]
    named = {identity: name for name, identity in zip(dated, stored(server, *dated.values()), strict=True)}
    found = ids(server.search("Procedure", patient=who, date=asked))
    assert "".join(sorted(named[one] for one in found)) == "".join(sorted(DATES[asked]))


def test_dates_deep_inside_and_codes_beside_are_found(server: Running) -> None:
    who = new_id()
    drug = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{who}"},
        "medicationCodeableConcept": {"coding": [{"system": "urn:drug", "code": "naproxen"}], "text": "x"},
        "dosageInstruction": [{"timing": {"event": ["2026-02-01", "2026-03-01"]}}, {"text": "x"}],
    }
    (mine,) = stored(server, drug)
    for asked in ({"date": "2026-02"}, {"date": "2026-03-01"}, {"code": "naproxen"}):
        assert ids(server.search("MedicationRequest", patient=who, **asked)) == [mine]
    assert ids(server.search("MedicationRequest", patient=who, date="2026-04")) == []


def test_offsets_count_in_dates(server: Running) -> None:
    who = new_id()
    (late,) = stored(server, score(f"Patient/{who}", 5, effectiveDateTime="2026-01-01T00:30:00+02:00"))
    assert ids(server.search("Observation", patient=who, date="2025-12-31")) == [late]
    assert ids(server.search("Observation", patient=who, date="2026-01-01T00:30:00+02:00")) == [late]
    assert ids(server.search("Observation", patient=who, date="2026-01-01")) == []


def test_what_changed_since_is_found_once(server: Running) -> None:
    who = new_id()
    first, second = stored(server, condition(f"Patient/{who}"), condition(f"Patient/{who}"))
    since = server.http.get(f"/Condition/{first}").json()["meta"]["lastUpdated"]
    until = server.http.get(f"/Condition/{second}").json()["meta"]["lastUpdated"]
    assert first in ids(server.search("Condition", patient=who, _lastUpdated=since))
    newer = ids(server.search("Condition", patient=who, _lastUpdated=f"gt{since}"))
    assert newer == ([second] if until > since else [])
    assert ids(server.search("Condition", patient=who, _id=f"{second},none")) == [second]


def test_the_last_date_of_the_calendar_is_a_date(server: Running) -> None:
    who = new_id()
    (for_ever,) = stored(server, score(f"Patient/{who}", 5, effectiveDateTime="9999-12-31"))
    (before,) = stored(server, score(f"Patient/{who}", 5, effectiveDateTime="9999-12-30"))
    for asked in ("9999-12-31", "ge9999-12-31", "gt9999-12-30", "sa9999-12-30T23:59:59Z"):
        assert ids(server.search("Observation", patient=who, date=asked)) == [for_ever]
    assert ids(server.search("Observation", patient=who, date="lt9999-12-31")) == [before]
    assert len(ids(server.search("Observation", patient=who, _lastUpdated="lt9999-12-31"))) == 2


def test_the_most_that_may_be_asked_is_answered(server: Running) -> None:
    dates, others = ["ge2020"] * 20, ["x"] * 200
    most = {"_lastUpdated": dates, "_id": others, "date": dates, "subject": others}
    for name, values in most.items():
        sent = "&".join([f"{name}={','.join(values)}"] * 20)
        form = {"content-type": "application/x-www-form-urlencoded"}
        answer = server.http.post("/Procedure/_search", content=sent, headers=form)
        assert answer.status_code == 200, name


def test_any_number_of_resources_is_looked_up(server: Running) -> None:
    (mine,) = stored(server, patient())
    asked = [("Patient", mine), *(("Patient", f"none-{number}") for number in range(70_000))]
    search = Search(server.service.store.engine)
    assert search.versions(DEFAULT_TENANT, asked) == {("Patient", mine): 1}
    assert [one.id for one in search.current(DEFAULT_TENANT, asked)] == [mine]
    assert search.is_emitted(DEFAULT_TENANT, "Patient", [identity for _, identity in asked]) == set()


def test_a_history_before_any_number_is_answered(server: Running) -> None:
    (mine,) = stored(server, patient())
    assert server.http.get(f"/Patient/{mine}/_history?_before=9999999999").json()["total"] == 1


def test_what_is_included_is_of_the_type_asked_for(server: Running) -> None:
    who = new_id()
    ours, other = stored(server, order(f"Patient/{who}"), condition(f"Patient/{who}"))
    of_the_patient = (Term("for", f"Patient/{who}"),)
    for focus in (f"ServiceRequest/{ours}", f"Condition/{other}"):
        body = orjson.dumps({"resourceType": "Task", "focus": {"reference": focus}})
        write = Write(type="Task", id=new_id("t"), body=body, patient=PatientId(who), terms=of_the_patient)
        server.service.store.commit(DEFAULT_TENANT, [write], [])

    def included(asked: str) -> list[str]:
        return ids(server.search("Task", patient=who, _include=asked), mode="include")

    assert set(included("Task:focus")) == {ours, other}
    assert included("Task:focus:ServiceRequest") == [ours]
    assert included("Task:focus:Condition") == [other]
    assert included("Task:focus:GuidanceResponse") == included("Task:focus:Claim") == []


def test_pages_hold_every_match_once_in_order(server: Running) -> None:
    who = new_id()
    days = [f"2026-01-{day:02}" for day in (5, 3, 9, 1, 7, 3, 8)]
    stored(server, *(therapy(f"Patient/{who}", day) for day in days))
    for sort, expected in {
        "date": sorted(days),
        "-date": sorted(days, reverse=True),
        "_lastUpdated": days,
    }.items():
        page = server.search("Procedure", patient=who, _sort=sort, _count="2")
        assert page["total"] == len(days)
        seen = [one["resource"]["performedDateTime"] for one in page["entry"]]
        while following := [link["url"] for link in page["link"] if link["relation"] == "next"]:
            page = server.http.get(following[0]).json()
            assert "total" not in page
            seen += [one["resource"]["performedDateTime"] for one in page["entry"]]
        assert seen == expected


def test_a_page_follows_though_resources_arrive_meanwhile(server: Running) -> None:
    who = new_id()
    old = stored(server, *(condition(f"Patient/{who}") for _ in range(4)))
    page = server.search("Condition", patient=who, _sort="-_lastUpdated", _count="2")
    stored(server, condition(f"Patient/{who}"))
    rest = server.http.get(next(li["url"] for li in page["link"] if li["relation"] == "next")).json()
    assert set(ids(page) + ids(rest)) == set(old)


def test_the_self_link_shows_what_was_really_asked(server: Running) -> None:
    who = new_id()
    found = server.search("Condition", patient=who, hair="red", _count="7")
    own = next(link["url"] for link in found["link"] if link["relation"] == "self")
    assert own == f"{server.address}/fhir/Condition?patient={who}&_count=7"


def test_a_search_may_be_posted_so_that_no_address_names_anybody(server: Running) -> None:
    number = new_id("mrn")
    (mine,) = stored(server, patient(identifier=[{"system": "urn:mrn", "value": number}]))
    answer = server.http.post("/Patient/_search", data={"identifier": f"urn:mrn|{number}"})
    assert ids(answer.json()) == [mine]
    assert server.http.post("/Patient/_search", json={"identifier": number}).status_code == 415


def test_counting_is_a_search_without_matches(server: Running) -> None:
    who = new_id()
    stored(server, condition(f"Patient/{who}"), condition(f"Patient/{who}"))
    counted = server.search("Condition", patient=who, _count="0")
    assert counted["total"] == 2 and "entry" not in counted


REFUSED = {
    "Condition?patient=a/b/c": "patient: Not an id and not a reference of the form Type/id.",
    "Condition?onset-date=2026-02-30": "onset-date: Not a date, or not a date of the calendar.",
    "Condition?onset-date=yesterday": "onset-date: Not a date, or not a date of the calendar.",
    "Condition?code=|": "code: Neither a system nor a code.",
    "Condition?code:text=back": "code: This modifier is not supported.",
    "Condition?subject:Group.name=x": "subject: This modifier is not supported.",
    "Condition?subject.name=Smith": "Modifiers, chains and _has are not supported.",
    "Condition?_has:Observation:patient:code=1": "Modifiers, chains and _has are not supported.",
    "Condition?_count=many": "_count: Not a whole number.",
    "Condition?_count=-1": "_count: Not a whole number.",
    "Condition?_page=zzz": "_page: not a link of ours.",
    f"Condition?code={','.join('x' * 201)}": "code: More than 200 alternatives.",
    f"Patient?_id={','.join('x' * 201)}": "_id: More than 200 alternatives.",
    f"Patient?_lastUpdated={','.join(['gt2020'] * 21)}": "_lastUpdated: More than 20 alternatives.",
    f"Procedure?date={','.join(['gt2020'] * 21)}": "date: More than 20 alternatives.",
    "Condition?" + "&".join(["code=x"] * 21): "More than 20 parameters.",
    "Condition?" + "&".join(["_id=x"] * 21): "More than 20 parameters.",
}


@pytest.mark.parametrize("asked", REFUSED)
def test_a_search_that_cannot_be_meant_is_refused(server: Running, asked: str) -> None:
    answer = server.http.get(f"/{asked}")
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["diagnostics"] == REFUSED[asked]


@pytest.mark.parametrize("asked", ["Patient?hair=red", "Patient?_sort=hair", "Patient?_include=Patient:link"])
def test_a_strict_client_hears_of_what_is_not_supported(server: Running, asked: str) -> None:
    assert server.http.get(f"/{asked}", headers={"prefer": "handling=lenient"}).status_code == 200
    strict = server.http.get(f"/{asked}", headers={"prefer": "handling=strict"})
    assert (strict.status_code, issues(strict.json())) == (400, [("not-supported", "")])
