"""Transactions as R4 orders them: DELETE, POST, PUT, GET, conditional references; all entries or none."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from tests.api.charts import condition, entry, issues, new_id, order, patient, statuses
from tests.api.test_transactions import mrn, place_of, urn
from tests.kit.server import Running, ids

Json = dict[str, Any]


def subject(server: Running, bundle: Json, index: int) -> str:
    """Whom the Condition that an entry wrote is about."""
    stored = server.http.get(f"/{place_of(bundle, index)}").json()
    return str(stored["subject"]["reference"])


@pytest.fixture
def known(server: Running) -> tuple[str, str]:
    """A stored Patient's id, and the value of its identifier."""
    who, value = new_id(), new_id("mrn")
    assert server.put(patient(who, identifier=mrn(value))).status_code == 201
    return who, value


def test_what_is_deleted_keeps_no_create_from_creating(server: Running, known: tuple[str, str]) -> None:
    who, value = known
    new = urn()
    answer = server.send(
        "transaction",
        entry("POST", "Condition", condition(new), urn()),
        entry(
            "POST", "Patient", patient(identifier=mrn(value)), new, ifNoneExist=f"identifier=urn:mrn|{value}"
        ),
        entry("DELETE", f"Patient/{who}"),
        prefer="return=representation",
    )
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert statuses(made) == ["201", "201", "204"]
    assert subject(server, made, 0) == place_of(made, 1) != f"Patient/{who}"


def test_what_a_conditional_update_finds_is_not_deleted_with_it(
    server: Running, known: tuple[str, str]
) -> None:
    """R4: identities overlap that are resolved from a conditional update, too."""
    who, value = known
    before = server.dump()
    answer = server.send(
        "transaction",
        entry("PUT", f"Patient?identifier=urn:mrn|{value}", patient(identifier=mrn(value))),
        entry("DELETE", f"Patient/{who}"),
    )
    assert (answer.status_code, issues(answer.json())) == (
        400,
        [("duplicate", "Bundle.entry[0].request.url")],
    )
    assert server.dump() == before


def test_a_reference_means_the_identity_that_is_put_not_the_id_of_what_is_posted(server: Running) -> None:
    own = new_id("own")
    made = server.send(
        "transaction",
        entry("POST", "Patient", patient(own)),
        entry("PUT", f"Patient/{own}", patient(own)),
        entry("POST", "Condition", condition(f"Patient/{own}")),
    ).json()
    assert subject(server, made, 2) == f"Patient/{own}" != place_of(made, 0)


@pytest.mark.parametrize(
    "asked",
    [
        "identifier=urn:mrn|{v}",
        "identifier=urn%3Amrn%7C{v}",
        "identifier={v}",
        "_id={new}",
        "identifier=urn:mrn|{v}&_id={new}",
        "identifier=urn:mrn|&identifier={v}",
    ],
)
def test_a_conditional_reference_finds_who_takes_the_place(
    server: Running, known: tuple[str, str], asked: str
) -> None:
    who, value = known
    new = new_id()
    answer = server.send(
        "transaction",
        entry("POST", "Condition", condition("Patient?" + asked.format(v=value, new=new))),
        entry("PUT", f"Patient/{new}", patient(new, identifier=mrn(value))),
        entry("DELETE", f"Patient/{who}"),
    )
    assert answer.status_code == 200, answer.text
    assert subject(server, answer.json(), 0) == f"Patient/{new}"


def test_a_conditional_reference_finds_no_deleted_and_no_former_content(
    server: Running, known: tuple[str, str]
) -> None:
    who, value = known
    pointing = entry("POST", "Condition", condition(f"Patient?identifier=urn:mrn|{value}"))
    renamed = entry("PUT", f"Patient/{who}", patient(who, identifier=mrn(new_id("mrn"))))
    for change in (entry("DELETE", f"Patient/{who}"), renamed):
        answer = server.send("transaction", pointing, change)
        assert (answer.status_code, issues(answer.json())) == (
            412,
            [("not-found", "Bundle.entry[0].resource.subject.reference")],
        )


def test_a_conditional_reference_to_one_stored_and_one_coming_is_to_two(
    server: Running, known: tuple[str, str]
) -> None:
    answer = server.send(
        "transaction",
        entry("POST", "Condition", condition(f"Patient?identifier={known[1]}")),
        entry("POST", "Patient", patient(identifier=[{"system": "urn:other", "value": known[1]}])),
    )
    assert (answer.status_code, issues(answer.json())[0][0]) == (412, "multiple-matches")


def test_one_condition_written_in_two_ways_makes_one_resource(server: Running) -> None:
    value = new_id("mrn")
    twice = [
        entry(
            "POST", "Patient", patient(identifier=mrn(value)), urn(), ifNoneExist=f"identifier={asked}{value}"
        )
        for asked in ("urn:mrn|", "urn%3Amrn%7C")
    ]
    made = server.send("transaction", *twice).json()
    assert statuses(made) == ["201", "200"]
    assert place_of(made, 0) == place_of(made, 1)


def test_at_once_too_one_condition_makes_one_resource(server: Running) -> None:
    for _ in range(6):
        value = new_id("mrn")
        resource = patient(identifier=mrn(value))
        ways: list[Callable[[], Any]] = [
            lambda r=resource, v=value: server.post(r, if_none_exist=f"identifier=urn:mrn|{v}"),
            lambda r=resource, v=value: server.post(r, if_none_exist=f"identifier=urn:mrn%7C{v}"),
            lambda r=resource, v=value: server.http.put(f"/Patient?identifier=urn:mrn|{v}", json=r),
            lambda r=resource, v=value: server.send(
                "transaction", entry("POST", "Patient", r, ifNoneExist=f"identifier=urn%3Amrn|{v}")
            ),
        ]
        with ThreadPoolExecutor(8) as pool:
            answers = [one.result() for one in [pool.submit(way) for way in ways * 2]]
        assert {one.status_code for one in answers} <= {200, 201}
        assert len(ids(server.search("Patient", identifier=value))) == 1


def test_a_deletion_without_a_version_demands_none(server: Running) -> None:
    who = new_id()
    server.put(patient(who))

    def write(turn: int) -> int:
        if turn % 2:
            return server.put(patient(who, birthDate=str(1900 + turn))).status_code
        return server.send("transaction", entry("DELETE", f"Patient/{who}")).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(write, range(80))) <= {200, 201}


def test_whoever_comes_too_late_is_told_which_entry_did(server: Running) -> None:
    who = new_id()
    server.put(patient(who))
    for version in range(1, 6):
        changes = [
            entry("PUT", f"Patient/{who}", patient(who, birthDate=f"{1900 + 10 * version + n}"))
            for n in range(8)
        ]
        for change in changes:
            change["request"]["ifMatch"] = f'W/"{version}"'
        with ThreadPoolExecutor(8) as pool:
            sent = [
                pool.submit(server.send, "transaction", entry("POST", "Patient", patient()), change)
                for change in changes
            ]
        answers = [one.result() for one in sent]
        late = [one.json() for one in answers if one.status_code == 412]
        assert len(late) == len(changes) - 1
        assert all(issues(one) == [("conflict", "Bundle.entry[1].request")] for one in late)


def test_a_version_that_is_not_to_be_there_is_named(server: Running) -> None:
    who = new_id()
    server.put(patient(who))
    answer = server.send(
        "transaction",
        entry("POST", "Patient", patient()),
        entry("PUT", f"Patient/{who}", patient(who, gender="male"), ifNoneMatch='W/"1"'),
    )
    assert (answer.status_code, issues(answer.json())) == (412, [("conflict", "Bundle.entry[1].request")])


def test_every_pointing_uri_follows_and_no_uuid_does(server: Running) -> None:
    who, bare = urn(), str(uuid4())
    div = f"<a href = '{who}'>x</a><img src='{who}' alt=\"x\"/><a\n href=\"{who}\">y</a>"
    made = server.send(
        "transaction",
        entry("POST", "Patient", patient(), who),
        entry(
            "POST",
            "ServiceRequest",
            order(
                who,
                instantiatesUri=[f"urn:uuid:{bare}", who],
                implicitRules=who,
                meta={"source": who},
                text={"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{div}</div>'},
                identifier=[{"system": who, "value": "1"}],
                extension=[{"url": "urn:e", "valueUuid": who}, {"url": "urn:e", "valueUri": who}],
            ),
            urn(),
        ),
    )
    assert made.status_code == 200, made.text
    the_patient = place_of(made.json(), 0)
    stored = server.http.get(f"/{place_of(made.json(), 1)}").json()
    assert stored["instantiatesUri"] == [f"urn:uuid:{bare}", the_patient]
    assert (stored["implicitRules"], stored["meta"]["source"]) == (the_patient, the_patient)
    assert stored["text"]["div"].count(the_patient) == 3
    assert stored["identifier"][0]["system"] == who
    assert [one.get("valueUuid", one.get("valueUri")) for one in stored["extension"]] == [who, the_patient]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_an_entry_has_its_own_conditions_only(server: Running, kind: str) -> None:
    who = new_id()
    modified = server.put(patient(who)).headers["last-modified"]
    stored = server.http.get(f"/Patient/{who}").json()
    answer = server.send(
        kind,
        entry("GET", f"Patient/{who}"),
        entry("GET", f"Patient/{who}", ifModifiedSince=stored["meta"]["lastUpdated"]),
        entry("GET", f"Patient/{who}", ifModifiedSince="2020-01-01T00:00:00Z"),
        **{"if-modified-since": modified, "if-none-match": 'W/"1"'},
    )
    assert statuses(answer.json()) == ["200", "304", "200"]
