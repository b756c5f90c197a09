"""The committed value sets are what the CSVs say, and a file that cannot be used stops the start."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.codesystem import CodeSystem
from fhir.resources.R4B.valueset import ValueSet

from fhir_profiles import RESOURCES, build_valuesets
from fhir_profiles.build_valuesets import TERMINOLOGY, build
from referral_service.fhir.concepts import Meaning, Terminology, TerminologyError

OURS = RESOURCES / "valuesets"
BASE = "https://spine-referral.example/fhir"
EXTENSION = f"{BASE}/StructureDefinition/"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
CPT = "http://www.ama-assn.org/go/cpt"
SCORES = "https://hospital.example/scores"
LUMBAR = {"thoracolumbar", "lumbosacral", "sacral", "lumbar"}


def rows(file: str) -> Iterator[dict[str, str]]:
    with (TERMINOLOGY / file).open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def committed(folder: str) -> dict[str, str]:
    files = (RESOURCES / folder).rglob("*.json")
    return {file.relative_to(RESOURCES).as_posix(): file.read_text(encoding="utf-8") for file in files}


def test_the_committed_files_are_what_the_build_makes() -> None:
    assert committed("valuesets") | committed("codesystems") == build()


def test_the_build_removes_what_the_facts_no_longer_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = tmp_path / "valuesets" / "cpt" / "of-old.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    monkeypatch.setattr(build_valuesets, "RESOURCES", tmp_path)
    build_valuesets.main()
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json")}
    assert written == set(build())


def test_a_concept_with_two_roles_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in TERMINOLOGY.glob("*.csv"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with (tmp_path / "uncoded.csv").open("a") as lines:
        lines.write("mri,treatment,5,\n")
    monkeypatch.setattr(build_valuesets, "TERMINOLOGY", tmp_path)
    with pytest.raises(ValueError, match=r"uncoded\.csv: mri has two roles or steps"):
        build()


def test_every_row_comes_out_as_it_was_written() -> None:
    terminology = Terminology.load(OURS)
    for file in ("codes.csv", "cpt-numbers.csv"):
        for row in rows(file):
            concept, _, region = row["concept"].partition("@")
            expected = Meaning(
                concept,
                "lumbar" if region in LUMBAR else None if region in ("", "unspecified") else region,
                row["role"],
                int(row["step"]) if row["step"] else None,
                None if row.get("detail") in (None, "", "product") else row["detail"],
            )
            assert terminology.meaning(row["system"], row["code"]) == expected, row["code"]
            if row["system"] == ICD:
                assert terminology.meaning(ICD, row["code"].replace(".", "").lower()) == expected, row["code"]


def test_every_value_set_and_code_system_is_r4() -> None:
    for text in committed("valuesets").values():
        ValueSet.model_validate_json(text)
    for text in committed("codesystems").values():
        CodeSystem.model_validate_json(text)


def test_ids_urls_and_names_are_of_one_kind_and_unique() -> None:
    resources = [json.loads(text) for text in (committed("valuesets") | committed("codesystems")).values()]
    for resource in resources:
        assert len(resource["id"]) <= 64
        assert resource["url"] == f"{BASE}/{resource['resourceType']}/{resource['id']}"
    assert len({(resource["resourceType"], resource["name"]) for resource in resources}) == len(resources)


def test_cpt_numbers_stand_apart_and_have_no_descriptors() -> None:
    for name, text in committed("valuesets").items():
        includes = json.loads(text).get("compose", {}).get("include", [])
        has_cpt = any(include["system"] == CPT for include in includes)
        assert has_cpt == name.startswith("valuesets/cpt/")
        if has_cpt:
            assert not any("display" in code for include in includes for code in include["concept"])


def test_every_code_of_our_own_stands_in_a_complete_code_system() -> None:
    systems = {}
    for text in committed("codesystems").values():
        system = json.loads(text)
        codes = [concept["code"] for concept in system["concept"]]
        assert system["content"] == "complete"
        assert len(codes) == len(set(codes)) == system["count"]
        systems[system["url"]] = set(codes)
    assert set(systems) == {
        f"{BASE}/CodeSystem/{name}"
        for name in (
            "spine-imaging-finding",
            "referral-target",
            "outcome",
            "reason",
            "criterion",
            "task",
            "decline-reason",
        )
    }
    ours = [row for row in rows("codes.csv") if row["system"].startswith(BASE)]
    assert {row["code"] for row in ours} == systems[f"{BASE}/CodeSystem/spine-imaging-finding"]


def extension(name: str, **value: str | int) -> dict[str, str | int]:
    return {"url": EXTENSION + name, **value}


def valueset(code: str = "RMDQ", system: str = SCORES, **elements: Any) -> dict[str, Any]:
    """A site's ValueSet that gives Roland-Morris a local code, with elements replaced or added."""
    return {
        "resourceType": "ValueSet",
        "url": "https://hospital.example/fhir/ValueSet/local",
        "status": "active",
        "extension": [extension("concept-name", valueCode="roland_morris")],
        "compose": {"include": [{"system": system, "concept": [{"code": code}]}]},
    } | elements


def load_with(folder: Path, *overlay: dict[str, Any]) -> Terminology:
    for number, resource in enumerate(overlay):
        (folder / f"site-{number}.json").write_text(json.dumps(resource, indent=1))
    return Terminology.load(OURS, folder)


def test_a_site_gives_roland_morris_a_local_code(tmp_path: Path) -> None:
    terminology = load_with(tmp_path, valueset())
    assert terminology.meaning(SCORES, "RMDQ") == Meaning("roland_morris", None, "observation")
    assert terminology.concepts()["roland_morris"].codes == 1


def test_a_site_adds_a_code_to_a_concept_by_our_url(tmp_path: Path) -> None:
    therapy = valueset("PT-30", url=f"{BASE}/ValueSet/physical-therapy", extension=[])
    terminology = load_with(tmp_path, therapy)
    assert terminology.meaning(SCORES, "PT-30") == Meaning("physical_therapy", None, "treatment", 2)
    assert terminology.meaning("http://snomed.info/sct", "91251008") == terminology.meaning(SCORES, "PT-30")


def test_a_site_adds_a_concept_in_two_files_with_its_role_in_the_second(tmp_path: Path) -> None:
    name = extension("concept-name", valueCode="pilates")
    more = [name, extension("concept-role", valueCode="treatment"), extension("concept-step", valueInteger=2)]
    region = [extension("code-region", valueCode="lumbosacral")]
    lumbar = {"include": [{"system": SCORES, "concept": [{"code": "PIL-L", "extension": region}]}]}
    terminology = load_with(
        tmp_path, valueset("PIL", extension=[name]), valueset(extension=more, compose=lumbar)
    )
    assert terminology.meaning(SCORES, "PIL") == Meaning("pilates", None, "treatment", 2)
    assert terminology.meaning(SCORES, "PIL-L") == Meaning("pilates", "lumbar", "treatment", 2)


def test_a_site_may_repeat_what_we_say_and_add_what_r4_allows(tmp_path: Path) -> None:
    ours = json.loads((OURS / "disc-degeneration.json").read_text(encoding="utf-8"))
    extras = {"publisher": "A hospital", "useContext": [], "date": "2026-05-01", "jurisdiction": []}
    load_with(
        tmp_path, ours | extras | {"extension": [*ours["extension"], {"url": "https://other.example/x"}]}
    )


BACK = [extension("concept-name", valueCode="low_back_pain")]
PILATES = [extension("concept-name", valueCode="pilates")]


def listing(code: str = "RMDQ", system: str = SCORES, **region_or_detail: str) -> dict[str, Any]:
    extensions = [extension(f"code-{key}", valueCode=value) for key, value in region_or_detail.items()]
    return {"include": [{"system": system, "concept": [{"code": code, "extension": extensions}]}]}


REFUSED = {
    "an unknown key": (valueset(titel="Scores"), r"site-0.json:\d+: titel: .*unknown field"),
    "a key that would change what is listed": (
        valueset(compose={"include": [{"system": SCORES, "concept": [], "filter": []}]}),
        r"site-0.json:\d+: filter: ",
    ),
    "an expansion": (valueset(expansion={}), r"site-0.json:\d+: expansion: "),
    "a retired ValueSet": (valueset(status="retired"), r"site-0.json:4: status: "),
    "no url": ({"resourceType": "ValueSet", "status": "active"}, r"site-0.json:1: url: "),
    "a number for a text": (valueset(version=2), r"site-0.json:\d+: version: "),
    "no type": ({"url": "x"}, r"site-0.json:1: .*resourceType"),
    "a list for an object": (valueset(compose=[]), r"site-0.json:\d+: compose: "),
    "no concept": (valueset(extension=[]), r"site-0.json:3: https://hospital.*concept-name is missing"),
    "a new concept without a role": (valueset(extension=PILATES), r"concept-role is missing"),
    "another role for ours": (
        valueset(extension=[*BACK, extension("concept-role", valueCode="noted")]),
        r"site-0.json:3: .*another role or step",
    ),
    "another step for ours": (
        valueset(extension=[*BACK, extension("concept-step", valueInteger=2)]),
        r"site-0.json:3: .*another role or step",
    ),
    "our url for another concept": (
        valueset(url=f"{BASE}/ValueSet/annular-defect", extension=BACK),
        r"is the concept annular_defect already",
    ),
    "a role in a wrong form": (
        valueset(extension=[*PILATES, extension("concept-role", valueString="treatment")]),
        r"concept-role: needs a valueCode",
    ),
    "a step beyond the pyramid": (
        valueset(extension=[*BACK, extension("concept-step", valueInteger=6)]),
        r"concept-step: needs a valueInteger",
    ),
    "an extension misspelt": (
        valueset(extension=[*BACK, extension("concept-rol", valueCode="noted")]),
        r"site-0.json:\d+: .*concept-rol: unknown here",
    ),
    "an extension given twice": (valueset(extension=[*BACK, *BACK]), r"given twice"),
    "an unknown region": (valueset(compose=listing(region="lumber")), r"RMDQ: .*code-region"),
    "an unknown detail": (valueset(compose=listing(detail="huge")), r"RMDQ: .*code-detail"),
    "a region for scoliosis": (
        valueset(
            extension=[extension("concept-name", valueCode="scoliosis")],
            compose=listing("M41.26", ICD, region="lumbar"),
        ),
        r"M41.26: M40 and M41 never name a region",
    ),
    "a code that ICD-10-CM cannot hold": (valueset("M5.136", ICD), r"site-0.json:\d+: M5.136: no code"),
    "a code with white space": (valueset("RMDQ "), r"RMDQ : no code"),
    "a system with white space": (valueset(system=f"{SCORES} "), r"site-0.json:\d+: system: "),
    "one of our codes in another concept, spelt otherwise": (
        valueset("m51360", "urn:oid:2.16.840.1.113883.6.90"),
        r"site-0.json:\d+: m51360: .* roland_morris here and disc_degeneration lumbar elsewhere",
    ),
    "one of our codes with another detail": (
        valueset(
            extension=[extension("concept-name", valueCode="annular_defect")],
            compose=listing("M51.A1", ICD, region="lumbar", detail="large"),
        ),
        r"annular_defect lumbar large here and annular_defect lumbar small elsewhere",
    ),
}


@pytest.mark.parametrize(("overlay", "error"), REFUSED.values(), ids=REFUSED.keys())
def test_a_file_that_cannot_be_used_stops_the_start(
    tmp_path: Path, overlay: dict[str, Any], error: str
) -> None:
    with pytest.raises(TerminologyError, match=error):
        load_with(tmp_path, overlay)


def test_broken_json_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text('{\n "resourceType": "ValueSet",\n "url": }\n')
    with pytest.raises(TerminologyError, match=r"broken\.json:3: "):
        Terminology.load(tmp_path)


def test_an_error_names_the_line_of_the_code(tmp_path: Path) -> None:
    overlay = valueset("M54.5", ICD)
    line = json.dumps(overlay, indent=1).splitlines().index('      "code": "M54.5"') + 1
    with pytest.raises(TerminologyError, match=rf"site-0\.json:{line}: M54\.5: "):
        load_with(tmp_path, overlay)
