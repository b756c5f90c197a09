"""What the service publishes of itself: every definition readable at /fhir, and changed by nobody."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_profiles import RESOURCES
from referral_service import pathways
from referral_service.api.fhir.conformance import CONFORMANCE
from referral_service.fhir.check import check
from referral_service.fhir.concepts import TerminologyError
from referral_service.settings import Settings
from referral_service.wiring import build_service
from tests.api.charts import CANONICAL, ICD_10_CM, entry, issues, statuses
from tests.kit.server import Running, ids, running

Json = dict[str, Any]
BASE = "https://spine.hospital.example/r4"
FILES = [json.loads(path.read_bytes()) for path in sorted(RESOURCES.rglob("*.json"))]
VALUE_SETS = [file["id"] for file in FILES if file["resourceType"] == "ValueSet"]
MRI = f"{CANONICAL}/ValueSet/mri"
STRICT = {"prefer": "handling=strict"}


def site_value_set(name: str, url: str, code: str, **more: str) -> Json:
    concept = {"url": f"{CANONICAL}/StructureDefinition/concept-name", "valueCode": name}
    include = [{"system": "https://hospital.example/local", "concept": [{"code": code}]}]
    return {
        "resourceType": "ValueSet",
        **more,
        "extension": [concept],
        "url": url,
        "status": "active",
        "compose": {"include": include},
    }


SITE = (
    site_value_set("mri", "https://hospital.example/fhir/ValueSet/our-mri", "MRI-L", id="local-mri"),
    site_value_set("ct", "https://hospital.example/fhir/ValueSet/our_ct", "CT-L"),
    site_value_set("mri", MRI, "MRI-K", id="mri"),
)


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service with a canonical base, ValueSets and a policy of its own."""
    overlay = tmp_path_factory.mktemp("overlay")
    for number, value_set in enumerate(SITE):
        (overlay / f"{number}.json").write_text(json.dumps(value_set), encoding="utf-8")
    with running(
        tmp_path_factory.mktemp("hospital"),
        canonical_base=BASE,
        terminology_dir=overlay,
        pathway=pathways.DEFAULT.parent / "strict-payer-example.yaml",
    ) as served:
        yield served


def whole(server: Running, kind: str) -> list[Json]:
    """Every resource of a type, page by page."""
    found, url = [], f"/{kind}?_count=100"
    while url:
        page = server.http.get(url).json()
        found += [one["resource"] for one in page["entry"]]
        assert page["total"] >= len(found)
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    return found


def test_every_file_is_read_under_its_own_id(server: Running) -> None:
    assert len(FILES) > 200
    for file in FILES:
        read = server.http.get(f"/{file['resourceType']}/{file['id']}").json()
        meta = read.pop("meta")
        assert {**read, **({"meta": file["meta"]} if "meta" in file else {})} == file
        assert set(meta) >= {"versionId", "lastUpdated"}


def test_every_page_together_is_everything_once(server: Running) -> None:
    assert sorted(one["id"] for one in whole(server, "ValueSet")) == sorted(VALUE_SETS)


def test_what_is_published_is_valid_r4(server: Running, hospital: Running) -> None:
    for one in (server, hospital):
        for kind in one.service.published.types:
            for resource in whole(one, kind):
                assert check(resource) == [], resource["url"]


def test_the_policy_in_force_is_found_by_what_decisions_name(server: Running, hospital: Running) -> None:
    for one, base, name in (
        (server, CANONICAL, "spine-conservative-care"),
        (hospital, BASE, "strict-payer-example"),
    ):
        found = one.search("PlanDefinition", url=f"{base}/PlanDefinition/{name}", version="1.0.0")
        assert (found["total"], ids(found)) == (1, [name])
        assert found["entry"][0]["fullUrl"] == f"{one.address}/fhir/PlanDefinition/{name}"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"url": MRI}, ["mri"]),
        ({"url": f"{MRI},{CANONICAL}/ValueSet/ct"}, ["ct", "mri"]),
        ({"url": MRI[:-1]}, []),
        ({"url": f"{MRI}|1.0.0"}, ["mri"]),
        ({"url": f"{MRI}|2.0.0"}, []),
        ({"url": f"{CANONICAL}/ValueSet/ct|1.0.0,{MRI}|2.0.0"}, ["ct"]),
        ({"url": "", "_id": "mri"}, ["mri"]),
        ({"_id": "mri", "status": "http://hl7.org/fhir/publication-status|"}, ["mri"]),
        ({"_id": "mri", "status": "http://other.example|"}, []),
        ({"_id": "mri", "status": "|active"}, []),
        ({"_id": "mri", "version": "|1.0.0"}, ["mri"]),
        ({"_id": "mri", "version": "1.0.0|"}, []),
        ({"_id": "mri,xray"}, ["mri", "xray"]),
        ({"name": "mRi"}, ["mri", "mri-cpt"]),
        ({"name": "ri"}, []),
        ({"_id": "mri", "status": "active", "version": "1.0.0"}, ["mri"]),
        ({"_id": "mri", "status": "http://hl7.org/fhir/publication-status|active"}, ["mri"]),
        ({"_id": "mri", "status": "http://other.example|active"}, []),
        ({"_id": "mri", "status": "draft"}, []),
        ({"_id": "mri", "version": "2.0.0"}, []),
        ({"_id": "mri", "unknown": "x"}, ["mri"]),
        ({"code": "M51.A1"}, ["annular-defect"]),
        ({"code": f"{ICD_10_CM}|M51.A1"}, ["annular-defect"]),
        ({"code": "http://snomed.info/sct|M51.A1"}, []),
        ({"code": "|M51.A1"}, []),
        ({"_id": "mri", "code": "http://loinc.org|"}, ["mri"]),
        ({"_id": "mri", "identifier": "x"}, []),
        ({"_id": "mri", "date": "ne1990"}, []),
    ],
)
def test_definitions_are_searched(server: Running, asked: dict[str, str], found: list[str]) -> None:
    by_get = server.http.get("/ValueSet", params=asked).json()
    by_post = server.http.post("/ValueSet/_search", data=asked).json()
    assert by_get == by_post
    assert (sorted(ids(by_get)), by_get["total"]) == (found, len(found))
    (own,) = (link["url"] for link in by_get["link"] if link["relation"] == "self")
    used = [name for name, value in asked.items() if value and name != "unknown"]
    assert own.partition("?")[2].count("=") == len(used)


def test_a_search_says_how_many_without_any(server: Running) -> None:
    counted = server.search("ValueSet", _count="0")
    assert (counted["total"], "entry" in counted) == (len(VALUE_SETS), False)


def test_definitions_are_compared_by_their_last_change(server: Running) -> None:
    changed = server.http.get("/ValueSet/mri").json()["meta"]["lastUpdated"].replace(".000Z", "Z")
    kept = {
        prefix: server.search("ValueSet", _id="mri", _lastUpdated=f"{prefix}{changed}")["total"]
        for prefix in ("", "eq", "ne", "gt", "ge", "lt", "le", "sa", "eb", "ap")
    }
    assert kept == dict.fromkeys(("", "eq", "ge", "le", "ap"), 1) | dict.fromkeys(
        ("ne", "gt", "lt", "sa", "eb"), 0
    )
    assert server.search("ValueSet", _id="mri", _lastUpdated="gt2000")["total"] == 1
    up, down = (ids(server.search("CodeSystem", _sort=way)) for way in ("_lastUpdated", "-_lastUpdated"))
    assert up == down[::-1]


def test_what_a_search_does_not_know_is_refused_if_asked_strictly(server: Running) -> None:
    refused = [
        server.http.get("/ValueSet", params={"publisher": "x"}, headers=STRICT),
        server.http.get("/ValueSet", params={"name:exact": "Mri"}),
        server.http.get("/ValueSet", params={"_page": "bm9uc2Vuc2U"}),
    ]
    assert {answer.status_code for answer in refused} == {400}


def test_a_definition_is_read_again_only_if_it_says_something_else(
    server: Running, hospital: Running
) -> None:
    first = server.http.get("/ValueSet/mri")
    head = server.http.head("/ValueSet/mri")
    assert (head.status_code, head.content) == (200, b"")
    assert (head.headers["ETag"], head.headers["Last-Modified"]) == (
        first.headers["ETag"],
        first.headers["Last-Modified"],
    )
    tag = first.headers["ETag"]
    for known in (tag, tag.removeprefix("W/"), f'"1", {tag}', "*"):
        again = server.http.get("/ValueSet/mri", headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
    assert server.http.get("/ValueSet/mri", headers={"if-none-match": 'W/"1"'}).status_code == 200
    assert hospital.http.get("/ValueSet/mri").headers["ETag"] != tag


def test_another_process_gives_the_same_versions(server: Running, tmp_path: Path) -> None:
    with running(tmp_path) as other:
        for url in ("/ValueSet/mri", "/PlanDefinition/spine-conservative-care"):
            same = [one.http.get(url) for one in (server, other)]
            assert same[0].headers["ETag"] == same[1].headers["ETag"]
            assert same[0].content == same[1].content


def test_nobody_changes_a_definition(server: Running) -> None:
    before = server.dump()
    mri = server.http.get("/ValueSet/mri").json()
    for method, url in (
        ("POST", "/ValueSet"),
        ("PUT", "/ValueSet?url=x"),
        ("PUT", "/ValueSet/mri"),
        ("PATCH", "/ValueSet/mri"),
        ("DELETE", "/ValueSet/mri"),
    ):
        answer = server.http.request(method, url, json=mri)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD"), url
    sent = server.send("transaction", entry("POST", "ValueSet", {**mri, "id": "another"}))
    assert statuses(sent.json()) == ["202"]
    assert server.http.get("/ValueSet/another").status_code == 404
    for url in ("/ValueSet/mri/_history", "/ValueSet/mri/_history/1"):
        answer = server.http.get(url)
        assert (answer.status_code, issues(answer.json())) == (404, [("not-supported", "")])
    assert server.http.get("/ValueSet/none").status_code == 404
    assert server.dump() == before


def test_of_every_type_that_may_be_published_there_is_some(server: Running) -> None:
    assert server.service.published.types == set(CONFORMANCE)


def test_another_canonical_base_is_everywhere(hospital: Running) -> None:
    for kind in hospital.service.published.types:
        for resource in whole(hospital, kind):
            assert CANONICAL not in json.dumps(resource)
    assert hospital.search("ValueSet", url=f"{BASE}/ValueSet/ct")["total"] == 1


def test_a_sites_own_value_sets_are_published_beside_ours(hospital: Running) -> None:
    codes = {}
    for identity in ("local-mri", "our-ct", "mri-2"):
        read = hospital.http.get(f"/ValueSet/{identity}").json()
        codes[identity] = (read["url"], read["compose"]["include"][0]["concept"][0]["code"])
    assert codes == {
        "local-mri": ("https://hospital.example/fhir/ValueSet/our-mri", "MRI-L"),
        "our-ct": ("https://hospital.example/fhir/ValueSet/our_ct", "CT-L"),
        "mri-2": (f"{BASE}/ValueSet/mri", "MRI-K"),
    }
    assert sorted(ids(hospital.search("ValueSet", url=f"{BASE}/ValueSet/mri"))) == ["mri", "mri-2"]
    plan = hospital.http.get("/PlanDefinition/strict-payer-example").json()
    named = {one["resource"] for one in plan["relatedArtifact"] if one["display"] == "mri"}
    assert named == {f"{BASE}/ValueSet/mri", f"{BASE}/ValueSet/mri-cpt", codes["local-mri"][0]}


def test_a_sites_file_that_cannot_be_published_stops_the_start(tmp_path: Path) -> None:
    twice = json.dumps(SITE[0]).replace('"status"', '"status": "active", "status"')
    (tmp_path / "twice.json").write_text(twice, encoding="utf-8")
    with pytest.raises(TerminologyError, match=r"twice\.json: A JSON object has the same key twice"):
        build_service(Settings(data_dir=tmp_path, terminology_dir=tmp_path))
