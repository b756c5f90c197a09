"""One resource at a time: create, read, update, delete, and its versions."""

from datetime import datetime
from email.utils import parsedate_to_datetime

import pytest

from referral_service.workflow.ports import DEFAULT_TENANT, Write
from tests.api.charts import condition, issues, new_id, order, patient
from tests.kit.server import Running


def test_a_created_resource_is_answered_with_its_address_and_content(server: Running) -> None:
    sent = condition("Patient/anyone", onsetDateTime="2026-01-02")
    answer = server.post(sent)
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/fhir+json; charset=utf-8"
    assert answer.headers["etag"] == 'W/"1"'
    location = answer.headers["location"]
    assert location.startswith(f"{server.address}/fhir/Condition/") and location.endswith("/_history/1")
    received = answer.json()
    assert received["meta"].keys() == {"versionId", "lastUpdated"}
    assert {**sent, "id": received["id"], "meta": received["meta"]} == received
    assert server.http.get(location).json() == received


def test_an_id_sent_with_a_create_is_not_used(server: Running) -> None:
    mine = new_id()
    assert server.post(patient(mine)).json()["id"] != mine
    assert server.http.get(f"/Patient/{mine}").status_code == 404


def test_what_was_received_comes_back_with_its_digits_and_its_untidiness(server: Running) -> None:
    text = """{"resourceType": "Observation", "status": "final", "meta": {"versionId": "77",
      "source": "urn:ehr", "lastUpdated": "1999-01-01T00:00:00Z"}, "subject": {"reference": "Patient/x"},
      "code": {"text": "ODI"},
      "extension": [{"url": "urn:local", "valueDecimal": 0.40}], "_status": {"id": "s"},
      "valueQuantity": {"value": 1.50}, "effectiveDateTime": "2026-01-01T00:00:00+00:00"}"""
    answer = server.http.post("/Observation", content=text, headers={"content-type": "application/json"})
    assert answer.status_code == 201, answer.text
    assert '"value":1.50' in answer.text and '"valueDecimal":0.40' in answer.text
    assert "+00:00" in answer.text and '"_status":{"id":"s"}' in answer.text
    assert answer.json()["meta"]["source"] == "urn:ehr"
    assert answer.json()["meta"]["versionId"] == "1"
    assert answer.json()["meta"]["lastUpdated"] > "2020"


def test_an_update_creates_then_replaces_then_changes_nothing(server: Running) -> None:
    mine = patient(new_id(), birthDate="1970-01-01")
    assert server.put(mine).status_code == 201
    changed = server.put({**mine, "birthDate": "1970-01-02"})
    assert (changed.status_code, changed.headers["etag"]) == (200, 'W/"2"')
    before = server.dump()
    same = server.put({**mine, "birthDate": "1970-01-02"})
    assert (same.status_code, same.headers["etag"]) == (200, 'W/"2"')
    assert server.dump() == before


def test_every_version_stays_readable(server: Running) -> None:
    mine = patient(new_id(), birthDate="1970")
    server.put(mine)
    server.put({**mine, "birthDate": "1971"})
    server.http.delete(f"/Patient/{mine['id']}")
    url = f"/Patient/{mine['id']}/_history"
    assert [server.http.get(f"{url}/{version}").status_code for version in (1, 2, 3, 4)] == [
        200,
        200,
        410,
        404,
    ]
    assert server.http.get(f"{url}/1").json()["birthDate"] == "1970"
    history = server.http.get(url).json()
    assert (history["type"], history["total"]) == ("history", 3)
    assert [one["response"]["etag"] for one in history["entry"]] == ['W/"3"', 'W/"2"', 'W/"1"']
    assert [one["request"]["method"] for one in history["entry"]] == ["DELETE", "PUT", "PUT"]
    assert ["resource" in one for one in history["entry"]] == [False, True, True]


def test_a_history_is_paged(server: Running) -> None:
    mine = patient(new_id())
    for year in range(1970, 1975):
        server.put({**mine, "birthDate": str(year)})
    page = server.http.get(f"/Patient/{mine['id']}/_history", params={"_count": 2}).json()
    years = [one["resource"]["birthDate"] for one in page["entry"]]
    while following := [link["url"] for link in page["link"] if link["relation"] == "next"]:
        page = server.http.get(following[0]).json()
        years += [one["resource"]["birthDate"] for one in page["entry"]]
    assert years == ["1974", "1973", "1972", "1971", "1970"]


def test_a_deleted_resource_is_gone_until_it_is_sent_again(server: Running) -> None:
    mine = patient(new_id(), identifier=[{"system": "urn:mrn", "value": new_id("mrn")}])
    server.put(mine)
    url = f"/Patient/{mine['id']}"
    assert server.http.delete(url).status_code == 204
    gone = server.http.get(url)
    assert (gone.status_code, issues(gone.json())) == (410, [("deleted", "")])
    assert server.search("Patient", identifier=mine["identifier"][0]["value"])["total"] == 0
    assert server.http.delete(url).status_code == 204
    assert server.http.delete("/Patient/never-was").status_code == 204
    assert server.put(mine).headers["etag"] == 'W/"3"'
    assert server.http.get(url).status_code == 200


def test_an_update_may_insist_on_the_version_it_knows(server: Running) -> None:
    mine = patient(new_id(), birthDate="1970")
    server.put(mine)
    assert server.put({**mine, "birthDate": "1971"}, if_match='W/"1"').status_code == 200
    before = server.dump()
    for tag in ('W/"1"', 'W/"7"', "nonsense"):
        assert server.put({**mine, "birthDate": "1972"}, if_match=tag).status_code == 412
    assert server.put({**mine, "birthDate": "1972"}, if_none_match="*").status_code == 412
    url = f"/Patient/{mine['id']}"
    assert server.http.delete(url, headers={"if-match": 'W/"1"'}).status_code == 412
    assert server.dump() == before
    assert server.http.delete(url, headers={"if-match": 'W/"2"'}).status_code == 204


def test_a_reader_who_has_the_version_is_told_so(server: Running) -> None:
    read = server.post(patient())
    url = f"/Patient/{read.json()['id']}"
    for headers in ({"if-none-match": 'W/"1"'}, {"if-modified-since": read.headers["last-modified"]}):
        answer = server.http.get(url, headers=headers)
        assert (answer.status_code, answer.content) == (304, b"")
    for headers in ({"if-none-match": 'W/"2"'}, {"if-modified-since": "Thu, 01 Jan 1970 00:00:00 GMT"}):
        assert server.http.get(url, headers=headers).status_code == 200


def test_a_conditional_create_makes_one_resource(server: Running) -> None:
    mrn = new_id("mrn")
    mine = patient(identifier=[{"system": "urn:mrn", "value": mrn}])
    condition_asked = f"identifier=urn:mrn|{mrn}"
    first = server.post(mine, if_none_exist=condition_asked)
    second = server.post(mine, if_none_exist=condition_asked)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.headers["location"] == first.headers["location"]
    server.post(mine)
    assert server.post(mine, if_none_exist=condition_asked).status_code == 412
    for wrong in ("unknown=1", "_count=1", "identifier="):
        assert server.post(mine, if_none_exist=wrong).status_code == 400


def test_a_conditional_update_finds_its_resource_by_identifier(server: Running) -> None:
    mrn = new_id("mrn")
    mine = patient(identifier=[{"system": "urn:mrn", "value": mrn}], birthDate="1970")
    asked = {"identifier": f"urn:mrn|{mrn}"}
    made = server.http.put("/Patient", params=asked, json=mine)
    changed = server.http.put("/Patient", params=asked, json={**mine, "birthDate": "1971"})
    assert (made.status_code, changed.status_code) == (201, 200)
    assert changed.json()["id"] == made.json()["id"]
    assert changed.headers["etag"] == 'W/"2"'
    other = server.http.put("/Patient", params=asked, json={**mine, "id": "another"})
    assert (other.status_code, issues(other.json())) == (400, [("value", "Patient.id")])
    server.post(mine)
    assert server.http.put("/Patient", params=asked, json=mine).status_code == 412


def test_a_conditional_update_without_a_match_keeps_the_id_it_brings(server: Running) -> None:
    mine = patient(new_id(), identifier=[{"value": new_id("mrn")}])
    asked = {"identifier": mine["identifier"][0]["value"]}
    assert server.http.put("/Patient", params=asked, json=mine).json()["id"] == mine["id"]


@pytest.mark.parametrize(
    ("wish", "kind"),
    [("minimal", None), ("representation", "Patient"), ("OperationOutcome", "OperationOutcome")],
)
def test_a_writer_chooses_what_it_gets_back(server: Running, wish: str, kind: str | None) -> None:
    answer = server.post(patient(), prefer=f"return={wish}")
    assert answer.status_code == 201 and "location" in answer.headers
    assert (answer.json()["resourceType"] if answer.content else None) == kind


def test_an_ehr_may_change_its_own_order_that_carries_our_identifier(server: Running) -> None:
    ours = [{"system": "https://spine-referral.example/fhir/referral", "value": new_id("referral")}]
    echo = order("Patient/x", id=new_id("echo"), identifier=ours)
    assert server.put(echo).status_code == 201
    assert server.put({**echo, "status": "completed"}).status_code == 200


def test_no_version_is_dated_after_its_answer(server: Running) -> None:
    """Each version of one instant is a millisecond later than the one before."""
    who = new_id()
    writes = [
        Write(
            type="Patient",
            id=who,
            body=f'{{"resourceType":"Patient","id":"{who}","birthDate":"{1000 + number}"}}'.encode(),
            facts=(),
        )
        for number in range(5000)
    ]
    server.service.store.commit(DEFAULT_TENANT, writes, [])
    answer = server.http.get(f"/Patient/{who}")
    assert datetime.fromisoformat(answer.json()["meta"]["lastUpdated"]) > server.service.clock.now()
    assert parsedate_to_datetime(answer.headers["last-modified"]) <= server.service.clock.now()
