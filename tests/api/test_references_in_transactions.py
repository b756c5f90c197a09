"""What refers to what in a Bundle: versions, names that stand twice, searches, links in narratives."""

from typing import Any

import pytest

from referral_service.workflow.ports import DEFAULT_TENANT, PatientId
from tests.api.charts import condition, entry, issues, new_id, patient, statuses, therapy
from tests.api.test_transactions import mrn, place_of, urn
from tests.kit.server import Running, ids

Json = dict[str, Any]
EHR = "https://ehr.example/r4"
REFERENCE = "resource.subject.reference"


def subject(server: Running, bundle: Json, index: int) -> str:
    """Whom the Condition that an entry wrote is about."""
    return str(server.http.get(f"/{place_of(bundle, index)}").json()["subject"]["reference"])


# The fullUrls of the Patient and of the Condition, and how the second refers to the first.
NAMES = {
    "by urn:uuid": ("urn:uuid:{uuid}", "", "urn:uuid:{uuid}"),
    "by address": (f"{EHR}/Patient/{{old}}", "urn:uuid:{other}", f"{EHR}/Patient/{{old}}"),
    "relative to the sender's server": (
        f"{EHR}/Patient/{{old}}",
        f"{EHR}/Condition/c",
        "Patient/{old}",
    ),
    "by its own id": ("", "", "Patient/{old}"),
}


@pytest.fixture
def names() -> dict[str, str]:
    """Ids of this test alone."""
    return {"uuid": urn()[9:], "other": urn()[9:], "old": new_id("old")}


@pytest.mark.parametrize("how", NAMES)
def test_a_version_of_what_is_created_is_its_first(server: Running, names: dict[str, str], how: str) -> None:
    who, what, reference = (text.format(**names) for text in NAMES[how])
    answer = server.send(
        "transaction",
        entry("POST", "Patient", patient(names["old"]), who),
        entry("POST", "Condition", condition(f"{reference}/_history/7"), what),
    )
    assert answer.status_code == 200, answer.text
    made = answer.json()
    the_patient = place_of(made, 0)
    assert subject(server, made, 1) == f"{the_patient}/_history/1"
    the_condition = place_of(made, 1)
    assert ids(server.search("Condition", patient=the_patient)) == [the_condition.partition("/")[2]]
    facts = server.service.store.facts_of(DEFAULT_TENANT, PatientId(the_patient.partition("/")[2]))
    assert the_condition in {fact.source for fact in facts}


def test_a_version_of_what_keeps_its_address_stays_as_it_is(server: Running) -> None:
    who = new_id()
    server.put(patient(who))
    made = server.send(
        "transaction",
        entry("PUT", f"Patient/{who}", patient(who, birthDate="1980")),
        entry("POST", "Condition", condition(f"Patient/{who}/_history/1")),
        entry("POST", "Condition", condition("https://other.example/Patient/x/_history/2")),
    ).json()
    assert subject(server, made, 1) == f"Patient/{who}/_history/1"
    assert subject(server, made, 2) == "https://other.example/Patient/x/_history/2"
    assert server.search("Condition", patient=who)["total"] == 1


def test_a_version_that_nobody_knows_yet_is_refused(server: Running) -> None:
    who, value = new_id(), new_id("mrn")
    server.put(patient(who, identifier=mrn(value)))
    asked = f"identifier=urn:mrn|{value}"
    known = patient(identifier=mrn(value))
    here = f"{EHR}/Patient/{who}"
    for writing, name in (
        (entry("PUT", f"Patient/{who}", patient(who), here), here),
        (entry("PUT", f"Patient?{asked}", known, here), here),
        (entry("POST", "Patient", known, here, ifNoneExist=asked), here),
    ):
        before = server.dump()
        answer = server.send(
            "transaction", entry("POST", "Condition", condition(f"{name}/_history/3")), writing
        )
        assert (answer.status_code, issues(answer.json())) == (
            400,
            [("value", f"Bundle.entry[0].{REFERENCE}")],
        )
        assert server.dump() == before


@pytest.mark.parametrize("years", [("1951", "1952"), ("1952", "1951")])
@pytest.mark.parametrize("name", ["", f"{EHR}/Patient/{{own}}"])
def test_two_that_have_one_name_are_refused(server: Running, years: tuple[str, str], name: str) -> None:
    own = new_id()
    twice = [
        entry("POST", "Patient", patient(own, birthDate=year, meta={"versionId": year}), name.format(own=own))
        for year in years
    ]
    before = server.dump()
    answer = server.send("transaction", *twice, entry("POST", "Condition", condition(f"Patient/{own}")))
    assert (answer.status_code, issues(answer.json())) == (400, [("duplicate", "Bundle.entry[1]")])
    assert server.dump() == before


def test_the_id_of_what_is_posted_is_no_name_where_such_a_resource_is_stored(server: Running) -> None:
    """R4 leaves the reference; a sender without fullUrls means the entry: nobody is taken for another."""
    own, value = new_id(), new_id("mrn")
    server.put(patient(own, identifier=mrn(value)))
    about = entry("POST", "Condition", condition(f"Patient/{own}"))
    before = server.dump()
    answer = server.send("transaction", entry("POST", "Patient", patient(own)), about)
    assert (answer.status_code, issues(answer.json())) == (400, [("duplicate", "Bundle.entry[0]")])
    assert server.dump() == before

    same = entry("POST", "Patient", patient(own), ifNoneExist=f"identifier={value}")
    assert subject(server, server.send("transaction", same, about).json(), 1) == f"Patient/{own}"
    named = entry("POST", "Patient", patient(own), "urn:uuid:9d5a1a3e-0000-4000-8000-000000000001")
    assert subject(server, server.send("transaction", named, about).json(), 1) == f"Patient/{own}"
    alone = server.send("transaction", entry("POST", "Patient", patient(own)))
    assert statuses(alone.json()) == ["201"]


def test_nor_is_it_one_for_links_of_any_other_kind(server: Running) -> None:
    own = new_id()
    server.put(patient(own))
    link = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="Patient/{own}">x</a></div>'
    for more in (
        {"text": {"status": "generated", "div": link}},
        {"extension": [{"url": "urn:e", "valueUri": f"Patient/{own}"}]},
        {"extension": [{"url": "urn:e", "valueReference": {"reference": f"Patient/{own}/_history/1"}}]},
    ):
        about = entry("POST", "Condition", condition("Patient/other", **more))
        answer = server.send("transaction", entry("POST", "Patient", patient(own)), about)
        assert (answer.status_code, issues(answer.json())) == (400, [("duplicate", "Bundle.entry[0]")])


def test_what_only_looks_like_a_link_stays(server: Running) -> None:
    who = urn()
    text = f"<p title=\"href='{who}'\">href=\"{who}\" <a class='{who}' href = '{who}'>x</a></p>"
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'
    made = server.send(
        "transaction",
        entry("POST", "Patient", patient(text={"status": "generated", "div": div}), who),
    ).json()
    stored = server.http.get(f"/{place_of(made, 0)}").json()["text"]["div"]
    assert stored == div.replace(f"href = '{who}'", f"href = '{place_of(made, 0)}'")


def test_one_name_of_one_resource_is_clear(server: Running) -> None:
    value, own = new_id("mrn"), new_id()
    known = patient(own, identifier=mrn(value))
    twice = [entry("POST", "Patient", dict(known), ifNoneExist=f"identifier={value}") for _ in range(2)]
    made = server.send("transaction", *twice, entry("POST", "Condition", condition(f"Patient/{own}"))).json()
    assert statuses(made) == ["201", "200", "201"]
    assert subject(server, made, 2) == place_of(made, 0)


def test_links_in_a_narrative_follow_as_references_do(server: Running) -> None:
    old, page = new_id("old"), "https://other.example/Patient/1"
    links = f"""<a href="Patient/{old}">a</a><a href='{EHR}/Patient/{old}'>b</a><a href="Patient/x">c</a>
        <img src="Patient/{old}/_history/4" alt="d"/><a href="{page}">e</a><a href="#f">f</a>"""
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{links}</div>'
    made = server.send(
        "transaction",
        entry("POST", "Patient", patient(old), f"{EHR}/Patient/{old}"),
        entry(
            "POST",
            "Condition",
            condition(f"Patient/{old}", text={"status": "generated", "div": div}),
            f"{EHR}/Condition/c",
        ),
    ).json()
    the_patient = place_of(made, 0)
    stored = server.http.get(f"/{place_of(made, 1)}").json()["text"]["div"]
    assert stored == div.replace(f"{EHR}/Patient/{old}", the_patient).replace(
        f"Patient/{old}/_history/4", f"{the_patient}/_history/1"
    ).replace(f"Patient/{old}", the_patient)


# Encounters of 2 January and 3 March 2026, and what a conditional reference finds among them.
DATES = {
    "date=2026-01-02": "jan",
    "date=ge2026-01-02&date=lt2026-02-01": "jan",
    "date=sa2026-02": "mar",
    "date=ne2026-01-02": "mar",
    "date=2025,2026-03": "mar",
    "date=ap2026-01-02T12:00:00Z&date=lt2026-02-01": "jan",
    "date=gt2026-01-01": "two",
    "date=eb2026-01-01": "none",
}


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("asked", DATES)
def test_a_search_by_date_finds_what_comes_along(server: Running, asked: str, is_known: bool) -> None:
    who, value = new_id(), new_id("visit")
    visits = {
        name: {
            "resourceType": "Encounter",
            "id": f"{value}-{name}",
            "status": "finished",
            "class": {"code": "AMB"},
            "subject": {"reference": f"Patient/{who}"},
            "period": {"start": day, "end": day},
            "identifier": mrn(value),
        }
        for name, day in (("jan", "2026-01-02"), ("mar", "2026-03-03"))
    }
    for visit in visits.values() if is_known else ():
        server.put(visit)
    answer = server.send(
        "transaction",
        entry(
            "POST",
            "Condition",
            condition(
                f"Patient/{who}", encounter={"reference": f"Encounter?identifier=urn:mrn|{value}&{asked}"}
            ),
        ),
        *(entry("PUT", f"Encounter/{visit['id']}", visit) for visit in visits.values()),
    )
    if DATES[asked] in visits:
        stored = server.http.get(f"/{place_of(answer.json(), 0)}").json()
        assert stored["encounter"]["reference"] == f"Encounter/{visits[DATES[asked]]['id']}"
    else:
        wrong = {"two": "multiple-matches", "none": "not-found"}[DATES[asked]]
        assert (answer.status_code, issues(answer.json())[0][0]) == (412, wrong)


UNANSWERABLE = {
    "RelatedPerson?identifier=urn:a|1": "not-supported",
    "Practitioner?": "value",
    "/Practitioner?identifier=urn:a|1": "value",
    "{base}/Practitioner?identifier=urn:a|1": "value",
    "Practitioner?_lastUpdated=gt2026-01-01": "not-supported",
}


def referring(reference: str) -> Json:
    """A visit to somebody."""
    return therapy("Patient/x", "2026-01-05", performer=[{"actor": {"reference": reference}}])


@pytest.mark.parametrize("reference", UNANSWERABLE)
def test_a_reference_that_asks_for_nothing_is_not_stored(server: Running, reference: str) -> None:
    before = server.dump()
    asked = referring(reference.format(base=f"{server.address}/fhir"))
    answer = server.send(
        "transaction", entry("POST", "Patient", patient()), entry("POST", "Procedure", asked)
    )
    where = "Bundle.entry[1].resource.performer[0].actor.reference"
    assert (answer.status_code, issues(answer.json())) == (400, [(UNANSWERABLE[reference], where)])
    assert server.dump() == before


SEARCHES = [*UNANSWERABLE, "Practitioner?identifier=urn:a|1"]


@pytest.mark.parametrize("reference", SEARCHES)
def test_a_search_stands_for_a_reference_in_a_transaction_only(server: Running, reference: str) -> None:
    asked = referring(reference.format(base=f"{server.address}/fhir"))
    before = server.dump()
    where = "performer[0].actor.reference"
    for answer in (server.post(asked), server.put({**asked, "id": new_id()})):
        assert (answer.status_code, issues(answer.json())) == (400, [("not-supported", f"Procedure.{where}")])
    answer = server.send("batch", entry("POST", "Procedure", asked), entry("GET", "Patient?_id=x"))
    assert statuses(answer.json()) == ["400", "200"]
    said = answer.json()["entry"][0]["response"]["outcome"]
    assert issues(said) == [("not-supported", f"Bundle.entry[0].resource.{where}")]
    assert server.dump() == before


def test_no_escape_hides_a_search(server: Running) -> None:
    body = '{"resourceType":"Condition","subject":{"reference":"Patient\\u003Fidentifier=1"}}'
    answer = server.http.post("/Condition", content=body, headers={"content-type": "application/fhir+json"})
    assert (answer.status_code, issues(answer.json())) == (
        400,
        [("not-supported", "Condition.subject.reference")],
    )


def test_a_question_mark_elsewhere_is_no_search(server: Running) -> None:
    asked = condition("https://ehr.example/show?Patient/1", note=[{"text": "Patient?identifier=1"}])
    asked["subject"]["reference"] = "https://ehr.example/r4/Patient/1"
    asked["evidence"] = [{"detail": [{"reference": "https://ehr.example/show?id=1"}]}]
    assert server.post(asked).status_code == 201
    assert statuses(server.send("batch", entry("POST", "Condition", asked)).json()) == ["201"]
    claim = {"resourceType": "Claim", "patient": {"reference": "Patient?identifier=1"}}
    assert statuses(server.send("batch", entry("POST", "Claim", claim)).json()) == ["202"]
