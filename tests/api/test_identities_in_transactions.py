"""Which resource an entry is: what contradicts itself, or would make a duplicate, is refused whole."""

from typing import Any

import pytest

from tests.api.charts import condition, entry, issues, new_id, patient, score, statuses
from tests.api.test_transactions import mrn, place_of, urn
from tests.kit.server import Running

Json = dict[str, Any]
URN = "urn:uuid:5f2b8a52-9f0e-4c1e-8d2b-0d6f8d7d7a11"
EHR = "https://ehr.example/r4"


def refused(server: Running, *entries: Json, kind: str = "transaction") -> list[tuple[str, str]]:
    """The issues of a transaction that is refused with 400, and stores nothing."""
    before = server.dump()
    answer = server.send(kind, *entries)
    assert answer.status_code == 400, answer.text
    assert server.dump() == before
    return issues(answer.json())


@pytest.mark.parametrize("base", [f"{EHR}/", "http://127.0.0.1/fhir/", ""])
def test_nobodys_data_is_filed_under_another_whose_full_url_is_wrong(server: Running, base: str) -> None:
    ann, zoe, seen = new_id(), new_id(), new_id()
    found = refused(
        server,
        entry("PUT", f"Patient/{ann}", patient(ann), f"{base}Patient/{zoe}"),
        entry("PUT", f"Patient/{zoe}", patient(zoe), f"{base}Patient/{ann}"),
        entry("PUT", f"Observation/{seen}", score(f"Patient/{ann}", 3, id=seen), f"{EHR}/Observation/{seen}"),
    )
    assert found == [("value", f"Bundle.entry[{index}].fullUrl") for index in (0, 1)]


@pytest.mark.parametrize(
    ("method", "full_url"),
    [("POST", f"{EHR}/Patient/other"), ("POST", f"{EHR}/Observation/own"), ("PUT", f"{EHR}/Observation/own")],
)
def test_a_full_url_is_that_of_the_resource(server: Running, method: str, full_url: str) -> None:
    url = "Patient" if method == "POST" else "Patient/own"
    assert refused(server, entry(method, url, patient("own"), full_url)) == [
        ("value", "Bundle.entry[0].fullUrl")
    ]


def test_in_a_batch_such_an_entry_fails_alone(server: Running) -> None:
    ann, zoe = new_id(), new_id()
    answer = server.send(
        "batch",
        entry("PUT", f"Patient/{ann}", patient(ann), f"{EHR}/Patient/{zoe}"),
        entry("PUT", f"Patient/{zoe}", patient(zoe)),
    )
    assert statuses(answer.json()) == ["400", "201"]


@pytest.mark.parametrize(
    "full_url",
    [URN, f"{EHR}/Patient/7", "https://ehr.example/persons?nr=7", "https://ehr.example/Persons/7", ""],
)
def test_what_has_no_id_of_its_own_may_be_called_anything(server: Running, full_url: str) -> None:
    answer = server.send("transaction", entry("POST", "Patient", patient(), full_url))
    assert statuses(answer.json()) == ["201"]


def known_as(value: str, identity: str = "") -> Json:
    return patient(identity, identifier=mrn(value))


# Each is two entries, which write two resources with the identifier that one of them must find alone.
TWICE = {
    "created, and updated by its identifier": lambda mrn: (
        entry("POST", "Patient", known_as(mrn)),
        entry("PUT", f"Patient?identifier=urn:mrn|{mrn}", known_as(mrn)),
    ),
    "updated by its id, and created unless it exists": lambda mrn: (
        entry("PUT", f"Patient/e-{mrn}", known_as(mrn, f"e-{mrn}")),
        entry("POST", "Patient", known_as(mrn), ifNoneExist=f"identifier=urn:mrn|{mrn}"),
    ),
    "updated by its id, and by its identifier": lambda mrn: (
        entry("PUT", f"Patient/e-{mrn}", known_as(mrn, f"e-{mrn}")),
        entry("PUT", f"Patient?identifier=urn:mrn|{mrn}", known_as(mrn)),
    ),
    "created, and created unless it exists": lambda mrn: (
        entry("POST", "Patient", known_as(mrn)),
        entry("POST", "Patient", known_as(mrn), ifNoneExist=f"identifier=urn:mrn|{mrn}"),
    ),
    "two that are looked for in other words": lambda mrn: (
        entry("POST", "Patient", known_as(mrn), ifNoneExist=f"identifier={mrn}"),
        entry("POST", "Patient", known_as(mrn), ifNoneExist=f"identifier=urn:mrn|{mrn}"),
    ),
}


@pytest.mark.parametrize("is_turned", [False, True])
@pytest.mark.parametrize("how", TWICE)
def test_a_transaction_makes_no_duplicate_of_its_own(server: Running, how: str, is_turned: bool) -> None:
    entries = TWICE[how](new_id("mrn"))
    conditional = {
        index
        for index, one in enumerate(entries[::-1] if is_turned else entries)
        if "?" in one["request"]["url"] or "ifNoneExist" in one["request"]
    }

    found = refused(server, *(entries[::-1] if is_turned else entries))

    assert found == [("duplicate", f"Bundle.entry[{index}].request") for index in sorted(conditional)]


def test_what_exists_already_may_be_written_beside_its_condition(server: Running) -> None:
    who, value = new_id(), new_id("mrn")
    server.put(known_as(value, who))
    answer = server.send(
        "transaction",
        entry("PUT", f"Patient/{who}", known_as(value, who) | {"gender": "female"}),
        entry("POST", "Patient", known_as(value), urn(), ifNoneExist=f"identifier=urn:mrn|{value}"),
    )
    assert statuses(answer.json()) == ["200", "200"]
    assert [place_of(answer.json(), index) for index in (0, 1)] == [f"Patient/{who}"] * 2


def test_others_of_the_type_are_no_duplicates(server: Running) -> None:
    one, other = new_id("mrn"), new_id("mrn")
    answer = server.send(
        "transaction",
        entry("POST", "Patient", known_as(one)),
        entry("POST", "Patient", known_as(other), ifNoneExist=f"identifier=urn:mrn|{other}"),
    )
    assert statuses(answer.json()) == ["201", "201"]


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_a_name_in_the_bundle_must_be_of_a_type_that_the_element_takes(server: Running, kind: str) -> None:
    who = urn()
    result = score("Patient/p", 3, derivedFrom=[{"reference": who}], encounter={"reference": who})
    answer = server.send(kind, entry("POST", "Patient", patient(), who), entry("POST", "Observation", result))
    said = answer.json() if kind == "transaction" else answer.json()["entry"][1]["response"]["outcome"]
    place = "Bundle.entry[1].resource" if kind == "transaction" else "Observation"
    assert [code for code, _ in issues(said)] == ["value", "value"], place
    assert {path.rpartition("].resource.")[2].removeprefix("Observation.") for _, path in issues(said)} == {
        "derivedFrom[0].reference",
        "encounter.reference",
    }


def test_a_version_of_a_name_is_of_the_same_type(server: Running) -> None:
    who = urn()
    result = score(who, 3, encounter={"reference": f"{who}/_history/1"})
    assert refused(
        server, entry("POST", "Patient", patient(), who), entry("POST", "Observation", result)
    ) == [("value", "Bundle.entry[1].resource.encounter.reference")]


def test_a_name_of_the_right_type_is_taken(server: Running) -> None:
    who, first = urn(), urn()
    answer = server.send(
        "transaction",
        entry("POST", "Patient", patient(), who),
        entry("POST", "Observation", score(who, 3), first),
        entry("POST", "Observation", score(who, 2, derivedFrom=[{"reference": first}])),
        entry("POST", "Condition", condition(who, evidence=[{"detail": [{"reference": first}]}])),
    )
    assert statuses(answer.json()) == ["201"] * 4
