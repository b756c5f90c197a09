"""Two EHRs of one tenant, `epic` and `cerner`, with the same ids: each speaks of its own people alone."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from referral_service.clinic.chart import build
from referral_service.wiring import build_assessor
from tests.api.charts import condition, patient
from tests.api.people import EXHAUSTED
from tests.auth.house import House, house
from tests.kit.judged import RECORD_NUMBERS

Json = dict[str, Any]


class Ehr:
    """One client; its answers as JSON."""

    def __init__(self, home: House, client: str) -> None:
        self._home, self._client = home, client

    def ask(self, method: str, path: str, body: Json | None = None, **headers: str) -> httpx.Response:
        known = self._home
        own = known.as_hospital() if self._client == "hospital" else known.as_client(self._client)
        said = {**own, **headers}
        more = {} if body is None else {"json": body}
        return self._home.http.request(method, path, headers=said, **more)  # type: ignore[arg-type]

    def get(self, path: str) -> Json:
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def put(self, resource: Json) -> httpx.Response:
        answer = self.ask("PUT", f"/{resource['resourceType']}/{resource['id']}", resource)
        assert answer.is_success, answer.text
        return answer

    def found(self, path: str) -> set[str]:
        """The "Type/id" of what a search finds."""
        entries = self.get(path).get("entry", ())
        return {f"{it['resource']['resourceType']}/{it['resource']['id']}" for it in entries}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    sources = {"north": "epic", "elliptic": "cerner"}
    folder = tmp_path_factory.mktemp("house")
    with house(folder, sources=sources, join_by=RECORD_NUMBERS) as found:
        yield found


@pytest.fixture(scope="module")
def epic(home: House) -> Ehr:
    return Ehr(home, "north")


@pytest.fixture(scope="module")
def cerner(home: House) -> Ehr:
    return Ehr(home, "elliptic")


def self_link(page: Json) -> str:
    (address,) = (one["url"] for one in page["link"] if one["relation"] == "self")
    return str(address)


def without_meta(resource: Json) -> Json:
    return {key: value for key, value in resource.items() if key != "meta"}


def test_the_same_ids_are_two_people(home: House, epic: Ehr, cerner: Ehr) -> None:
    theirs = {}
    for ehr, code in ((epic, "M51.26"), (cerner, "M54.50")):
        ehr.put(patient("1"))
        theirs[ehr] = condition("Patient/1", code, id="7")
        assert ehr.put(theirs[ehr]).headers["location"].endswith("/fhir/Condition/7/_history/1")

    for ehr, sent in theirs.items():
        assert without_meta(ehr.get("/Condition/7")) == sent
        assert without_meta(ehr.get("/Condition/7/_history/1")) == sent
        assert ehr.found("/Condition?patient=Patient/1") == {"Condition/7"}
        assert ehr.found("/Condition?patient=1&_id=7") == {"Condition/7"}
        assert ehr.found("/Patient/1/Condition") == {"Condition/7"}
        assert ehr.found("/Condition?subject:Patient=1") == {"Condition/7"}
    assert epic.ask("GET", "/Condition/cerner.7").status_code == 404
    seen = home.http.get("/Condition/epic.7", headers=home.as_client("reader", "system/Condition.rs"))
    assert seen.json()["subject"] == {"reference": "Patient/epic.1"}


def test_a_search_says_what_was_asked(epic: Ehr) -> None:
    epic.put(patient("s1"))
    for number in range(3):
        epic.put(condition("Patient/s1", id=f"s-{number}"))

    first = epic.get("/Condition?patient=Patient/s1&_count=2")
    links = {link["relation"]: link["url"] for link in first["link"]}
    second = epic.get(links["next"].partition("/fhir")[2])

    assert "epic." not in links["self"]
    assert "patient=Patient" in links["self"]
    assert [len(page["entry"]) for page in (first, second)] == [2, 1]
    assert all("epic." not in it["fullUrl"] for page in (first, second) for it in page["entry"])


@pytest.mark.parametrize(
    "asked",
    [
        "code=http://hl7.org/fhir/sid/icd-10-cm|M51.26,http://hl7.org/fhir/sid/icd-10-cm|M54.50",
        "patient=Patient/s1,Patient/s2&_sort=-onset-date",
        "patient=Patient/s1&code=urn:x|a%26b%3Dc%2Bd%20e",
        "_id=s-1,s-2&identifier=|7",
    ],
)
def test_the_link_of_a_search_is_written_as_for_everybody(home: House, epic: Ehr, asked: str) -> None:
    address = self_link(epic.get(f"/Condition?{asked}"))
    reader = home.as_client("reader", "system/Condition.rs")
    common = self_link(home.http.get(f"/Condition?{asked}", headers=reader).json())

    assert address == common
    assert not set("|,$ ") & set(address)
    assert parse_qsl(urlsplit(address).query) == parse_qsl(urlsplit(f"?{asked}").query)


def test_what_is_posted_is_found_under_the_id_that_it_was_given(epic: Ehr, cerner: Ehr) -> None:
    epic.put(patient("p1"))
    answer = epic.ask("POST", "/Condition", condition("Patient/p1"), Prefer="return=representation")

    assert answer.status_code == 201
    assert answer.json()["subject"] == {"reference": "Patient/p1"}
    place = answer.headers["location"].partition("/fhir")[2].partition("/_history")[0]
    assert place == f"/Condition/{answer.json()['id']}"
    assert epic.get(place)["id"] == answer.json()["id"]
    assert cerner.ask("GET", place).status_code == 404


def test_a_condition_of_a_create_is_in_its_own_ids(epic: Ehr, cerner: Ehr) -> None:
    named = {"identifier": [{"system": "urn:x", "value": "c1"}]}
    for ehr in (epic, cerner):
        ehr.put(patient("q1"))
        asked = "identifier=urn:x|c1&patient=Patient/q1"
        statuses = [
            ehr.ask(
                "POST", "/Condition", condition("Patient/q1", **named), **{"If-None-Exist": asked}
            ).status_code
            for _ in range(2)
        ]
        assert statuses == [201, 200]


def test_a_transaction(epic: Ehr, cerner: Ehr) -> None:
    uuid = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": uuid, "resource": patient(), "request": {"method": "POST", "url": "Patient"}},
            {"resource": condition(uuid, id="t1"), "request": {"method": "PUT", "url": "Condition/t1"}},
            {"request": {"method": "GET", "url": "Condition/t1"}},
            {"request": {"method": "GET", "url": "Condition?_id=t1"}},
        ],
    }

    answer = epic.ask("POST", "", bundle)

    assert answer.status_code == 200, answer.text
    made, put, read, search = answer.json()["entry"]
    name = made["response"]["location"].partition("/_history")[0]
    assert put["response"]["location"] == "Condition/t1/_history/1"
    assert read["resource"]["id"] == "t1"
    assert read["resource"]["subject"] == {"reference": name}
    assert search["resource"]["entry"][0]["resource"]["id"] == "t1"
    assert epic.get(f"/{name}")["resourceType"] == "Patient"
    assert cerner.ask("GET", f"/{name}").status_code == 404


def test_an_id_as_long_as_r4_allows_is_refused_by_name(epic: Ehr) -> None:
    answer = epic.ask("PUT", f"/Patient/{'7' * 64}", patient("7" * 64))

    assert answer.status_code in (400, 404)
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_what_cannot_be_read_is_refused_as_ever(epic: Ehr) -> None:
    home, path = epic._home, "/Condition"
    said = {**home.as_client("north"), "Content-Type": "application/fhir+json"}
    for body in (b"{", b"[]", b'{"resourceType":"Condition","resourceType":"Condition"}', b"\xff"):
        assert home.http.post(path, content=body, headers=said).status_code == 400
    assert (
        home.http.post(path, content=b"{}", headers={**said, "Content-Type": "text/xml"}).status_code == 415
    )


def test_however_it_is_sent_it_names_the_sender_s_own(home: House, epic: Ehr, cerner: Ehr) -> None:
    for ehr in (epic, cerner):
        ehr.put(patient("v1"))
    cerner.put(condition("Patient/v1", id="v7"))
    said = home.as_client("north")
    form = "application/x-www-form-urlencoded"

    for kind in ({}, {"Content-Type": form}, {"Content-Type": form.upper()}):
        for asked, number in ((b"patient=v1", 0), (b"_id=cerner.v7", 0), (b"_id=v1", 1)):
            path = "/Patient/_search" if number else "/Condition/_search"
            answer = home.http.post(path, content=asked, headers={**said, **kind})
            assert answer.json()["total"] == number, (kind, asked)
    assert epic.found(r"/Condition?patient=Patient/cerner\.v1") == set()
    marked = b"\xef\xbb\xbf" + json.dumps(condition("Patient/v1", id="v8")).encode()
    json_type = {"Content-Type": "application/fhir+json"}
    answer = home.http.put("/Condition/v8", content=marked, headers={**said, **json_type})
    assert answer.status_code == 201
    assert epic.found("/Condition?patient=Patient/v1") == {"Condition/v8"}
    assert cerner.found("/Condition?patient=Patient/v1") == {"Condition/v7"}


def test_a_search_too_long_to_be_turned_is_refused(home: House, epic: Ehr) -> None:
    as_form = home.as_client("north") | {"Content-Type": "application/x-www-form-urlencoded"}
    for asked, status in ((b"_id=v1", 200), (b"_id=" + b"%61" * 400_000, 413)):
        assert home.http.post("/Patient/_search", content=asked, headers=as_form).status_code == status


def test_what_the_service_publishes_has_one_name_for_all(epic: Ehr) -> None:
    assert epic.get("/metadata")["resourceType"] == "CapabilityStatement"
    (plan,) = epic.found("/PlanDefinition")
    assert epic.get(f"/{plan}")["resourceType"] == "PlanDefinition"


def test_the_referral_of_one_person_is_found_from_both_sides(home: House, epic: Ehr, cerner: Ehr) -> None:
    number = {"identifier": [{"system": RECORD_NUMBERS, "value": "77"}]}
    today = home.server.service.clock.as_of().date()
    chart = build({"id": "5", "given": EXHAUSTED}, today)
    for place, one in enumerate(chart):
        (epic if place % 2 else cerner).put(one)
    for ehr in (epic, cerner):
        ehr.put(patient("5", birthDate="1970-01-02", **number))
    worker = build_assessor(home.server.service.settings, home.server.service.store)
    while worker.run_due():
        pass

    (draft,) = cerner.found("/ServiceRequest?patient=Patient/5")
    assert epic.found("/ServiceRequest?patient=Patient/5") == {draft}
    assert cerner.get(f"/{draft}")["subject"] == {"reference": "Patient/5"}
    assert epic.get(f"/{draft}")["subject"] == {"reference": "Patient/-.cerner.5"}
    assert epic.ask("POST", "/Patient/5/$assess").status_code == 200


def test_whom_others_brought_has_another_name_and_can_be_asked_for(home: House, epic: Ehr) -> None:
    plain = Ehr(home, "hospital")
    assert plain.ask("PUT", "/Patient/m1", patient("m1", active=False)).is_success
    epic.put(patient("m1", active=True))

    assert {"Patient/m1", "Patient/-.m1"} <= epic.found("/Patient?_count=1000")
    assert epic.get("/Patient/m1")["active"] is True
    assert epic.get("/Patient/-.m1")["active"] is False
    assert epic.get("/Patient/-.m1")["id"] == "-.m1"
