"""Clients that say things in their own way: the format in the address, a header twice, odd references."""

import pytest

from tests.api.charts import condition, new_id, patient
from tests.kit.server import Running, ids

XML = {"accept": "application/xml"}


@pytest.mark.parametrize(
    "path", ["/Condition?patient=Patient/{who}&", "/Patient/{who}/_history?", "/ValueSet?status=active&"]
)
def test_the_format_that_an_address_says_holds_for_the_pages_that_follow(server: Running, path: str) -> None:
    who = new_id()
    for year in ("1980", "1981", "1982"):
        server.put(patient(who, birthDate=year))
        server.post(condition(f"Patient/{who}"))
    url = f"{path.format(who=who)}_count=1&_format=json"
    for _ in range(3):
        page = server.http.get(url, headers=XML)
        assert (page.status_code, len(page.json()["entry"])) == (200, 1)
        url = next((one["url"] for one in page.json()["link"] if one["relation"] == "next"), "")


def test_two_conditions_of_one_create_are_refused(server: Running) -> None:
    asked = [("If-None-Exist", f"identifier=urn:mrn|{new_id()}") for _ in range(2)]
    before = server.dump()
    answer = server.http.post("/Patient", json=patient(), headers=asked)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "value")
    assert server.dump() == before


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_what_is_no_operation_is_not_found(server: Running, method: str) -> None:
    answer = server.http.request(method, "/Patient/$validate", json=patient("$validate"))
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "reference", ["/Patient/{}", "./Patient/{}", "../fhir/Patient/{}", "fhir/r4/Patient/{}", "//x/Patient/{}"]
)
def test_what_is_taken_for_a_patients_is_found_as_the_patients(server: Running, reference: str) -> None:
    who, what = new_id(), new_id("c")
    server.put(patient(who))
    server.put(condition(reference.format(who), id=what)).raise_for_status()
    assert ids(server.search("Condition", patient=who)) == [what]
    assert ids(server.search("Condition", subject=f"Patient/{who}")) == [what]
