"""What a code sent to us means: by system and code, never by its display, and however it is spelt."""

import json
from pathlib import Path
from typing import Any

import pytest

from fhir_profiles import RESOURCES
from referral_service.fhir.concepts import Meaning, Terminology, TerminologyError

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CPT = "http://www.ama-assn.org/go/cpt"
OID = "urn:oid:2.16.840.1.113883"
FINDING = "https://spine-referral.example/fhir/CodeSystem/spine-imaging-finding"

DISC = "qualifying_condition_disc"
SYMPTOM = "qualifying_condition_symptom"
DEGENERATION = Meaning("disc_degeneration", "lumbar", DISC)
LOW_BACK_PAIN = Meaning("low_back_pain", "lumbar", SYMPTOM)
THERAPY = Meaning("physical_therapy_active", None, "treatment", 2)
VETERAN = Meaning("coverage_va", None, "coverage")


@pytest.fixture(scope="module")
def terminology() -> Terminology:
    return Terminology.load(RESOURCES / "valuesets")


KNOWN = {
    "a code as the tabular list writes it": (ICD, "M51.360", DEGENERATION),
    "without its dot": (ICD, "M51360", DEGENERATION),
    "in small letters without its dot": (ICD, "m51360", DEGENERATION),
    "in small letters": (ICD, "m51.a1", Meaning("annular_defect", "lumbar", DISC, None, "small")),
    "a large annular defect": (ICD, "M51.A2", Meaning("annular_defect", "lumbar", DISC, None, "large")),
    "leg pain only": (ICD, "M51.361", Meaning("disc_degeneration", "lumbar", DISC, None, "leg-only")),
    "ICD-10-CM by its OID": (f"{OID}.6.90", "M51.360", DEGENERATION),
    "the old parent M51.36": (ICD, "M51.36", DEGENERATION),
    "the old parent M51.37, lumbosacral": (ICD, "M51.37", DEGENERATION),
    "the old parent M54.5": (ICD, "M54.5", LOW_BACK_PAIN),
    "the old parent M48.06": (
        ICD,
        "M48.06",
        Meaning("spinal_stenosis", "lumbar", "qualifying_condition_stenosis"),
    ),
    "a child of a later year falls to its parent": (ICD, "M51.364", DEGENERATION),
    "vertebrogenic, not the parent": (
        ICD,
        "M54.51",
        Meaning("low_back_pain", "lumbar", SYMPTOM, None, "vertebrogenic"),
    ),
    "a sprain at its first encounter": (
        ICD,
        "S33.5XXA",
        Meaning("lumbar_sprain", "lumbar", "qualifying_condition_acute_injury"),
    ),
    "a fracture at a later encounter": (
        ICD,
        "s32010d",
        Meaning("lumbar_fracture", None, "red_flag_hard_fracture"),
    ),
    "thoracolumbar is lumbar": (ICD, "M51.15", Meaning("disc_disorder_with_radiculopathy", "lumbar", DISC)),
    "sacral is lumbar": (ICD, "M54.18", Meaning("radiculopathy", "lumbar", SYMPTOM)),
    "cervicothoracic is cervical": (ICD, "M54.13", Meaning("radiculopathy", "cervical", SYMPTOM)),
    "an unspecified site is no region": (ICD, "M54.10", Meaning("radiculopathy", None, SYMPTOM)),
    "backache names no region": (ICD, "M54.9", Meaning("dorsalgia_unspecified", None, SYMPTOM)),
    "lumbar scoliosis names no region": (ICD, "M41.26", Meaning("scoliosis", None, "surgical_structural")),
    "kyphosis names no region": (ICD, "M40.204", Meaning("kyphosis", None, "surgical_structural")),
    "drug retention is no red flag": (
        ICD,
        "R33.0",
        Meaning("urinary_retention_drug_induced", None, "red_flag_confounder"),
    ),
    "retention is one": (ICD, "R33.9", Meaning("urinary_retention", None, "red_flag_soft")),
    "chronic low back pain": (
        SNOMED,
        "278860009",
        Meaning("low_back_pain", "lumbar", SYMPTOM, None, "chronic"),
    ),
    "SNOMED CT by its OID": (f"{OID}.6.96", "279039007", LOW_BACK_PAIN),
    "LOINC by its OID": (f"{OID}.6.1", "97909-6", Meaning("odi_score", None, "observation")),
    "a drug product means its class": (RXNORM, "198014", Meaning("med_nsaid", None, "medication", 3)),
    "an ingredient by RxNorm's OID": (f"{OID}.6.88", "5640", Meaning("med_nsaid", None, "medication", 3)),
    "therapeutic exercise by its CPT number": (CPT, "97110", THERAPY),
    "CPT by its OID": (f"{OID}.6.12", "97110", THERAPY),
    "an MRI of the whole spine": (LOINC, "30854-4", Meaning("mri", "multi", "imaging", 5)),
    "the payer VA": ("https://nahdo.org/sopt", "3211", VETERAN),
    "the payer VA by its OID": (f"{OID}.3.221.5", "3211", VETERAN),
    "a finding of our own": (FINDING, "extrusion", Meaning("disc_extrusion", None, "imaging_finding")),
    "discography by LOINC": (LOINC, "37193-0", Meaning("discography", "lumbar", "imaging", 5)),
    "discography by CPT": (CPT, "62290", Meaning("discography", "lumbar", "imaging", 5)),
    "epidural anaesthesia in labour is no injection": (
        SNOMED,
        "18946005",
        Meaning("not_a_treatment_epidural_anesthesia", None, "exclusion"),
    ),
    "rehabilitation of unknown kind is ambiguous": (
        SNOMED,
        "52052004",
        Meaning("rehab_ambiguous", None, "ambiguous", 2),
    ),
    "a referral to physiotherapy is a plan": (
        SNOMED,
        "308447003",
        Meaning("physical_therapy_referral", None, "plan_not_treatment", 2),
    ),
}


@pytest.mark.parametrize(("system", "code", "meaning"), KNOWN.values(), ids=KNOWN.keys())
def test_a_known_code_has_its_meaning(
    terminology: Terminology, system: str, code: str, meaning: Meaning
) -> None:
    assert terminology.meaning(system, code) == meaning
    assert not terminology.is_body_part_code(system, code)


UNKNOWN = {
    "white space before": (ICD, " M51.360"),
    "white space behind": (ICD, "M51.360 "),
    "a line's end behind": (ICD, "M51.360\n"),
    "a system with white space": (f"{ICD} ", "M51.360"),
    "a dot in the wrong place": (ICD, "M5.1360"),
    "two dots": (ICD, "M51..36"),
    "a dot and nothing after it": (ICD, "M51."),
    "longer than any ICD-10-CM code": (ICD, "M51.36000"),
    "a chapter alone": (ICD, "M"),
    "nothing": (ICD, ""),
    "letters beyond ASCII": (ICD, "\u017f33.5"),
    "ICD-10 of the WHO": ("http://hl7.org/fhir/sid/icd-10", "M51.3"),
    "a SNOMED CT id that only begins like ours": (SNOMED, "2790390070"),
    "a SNOMED CT id cut short": (SNOMED, "27903900"),
    "a CPT number sent as SNOMED CT": (SNOMED, "97110"),
    "a payer below a known one": ("https://nahdo.org/sopt", "32111"),
    "a local code": ("https://hospital.example/scores", "RMDQ"),
}


@pytest.mark.parametrize(("system", "code"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_look_alike_has_no_meaning(terminology: Terminology, system: str, code: str) -> None:
    assert terminology.meaning(system, code) is None
    assert not terminology.is_body_part_code(system, code)


@pytest.mark.parametrize(
    ("system", "code", "elsewhere"),
    [
        (ICD, "M17.11", True),
        (ICD, "m1711", True),
        (f"{OID}.6.90", "S83.512A", True),
        (ICD, "T84.54XA", True),
        (ICD, "M62.81", False),
        (ICD, "M54.59", False),
        (ICD, "S33.5XXA", False),
        (ICD, "E11.9", False),
        (ICD, "M17.11 ", False),
        (SNOMED, "M17.11", False),
    ],
)
def test_a_muscle_bone_or_injury_code_that_no_concept_holds_is_another_body_part(
    terminology: Terminology, system: str, code: str, elsewhere: bool
) -> None:
    assert terminology.is_body_part_code(system, code) is elsewhere


def test_every_coding_counts_once_in_the_order_sent(terminology: Terminology) -> None:
    sent = {
        "coding": [
            {"system": SNOMED, "code": "278860009", "display": "Fracture of femur"},
            {"system": "https://hospital.example/local", "code": "LBP"},
            {"system": ICD, "code": "M51360"},
            {"code": "M54.5"},
            {"system": ICD},
            {"system": ICD, "code": "M51.360"},
        ],
        "text": "Sciatica",
    }
    chronic = Meaning("low_back_pain", "lumbar", SYMPTOM, None, "chronic")
    assert terminology.meanings(sent) == (chronic, DEGENERATION)


@pytest.mark.parametrize("sent", [None, {}, {"text": "Low back pain"}, {"coding": []}])
def test_text_alone_means_nothing(terminology: Terminology, sent: dict[str, Any] | None) -> None:
    assert terminology.meanings(sent) == ()


def test_concepts_without_a_code_can_still_be_named(terminology: Terminology) -> None:
    concepts = terminology.concepts()
    without_codes = {name for name, concept in concepts.items() if not concept.codes}
    assert without_codes == {
        "aprotinin_or_fibrin_allergy",
        "lefs",
        "med_topical",
        "mindfulness",
        "roland_morris",
        "tai_chi",
        "yoga",
    }
    assert (concepts["yoga"].role, concepts["yoga"].step) == ("treatment", 2)
    assert concepts["mri"].title == "MRI"
    assert [url.rsplit("/", 1)[1] for url in concepts["mri"].value_sets] == ["mri", "mri-cpt"]


def test_a_site_without_a_cpt_licence_deletes_one_folder(tmp_path: Path) -> None:
    for file in (RESOURCES / "valuesets").glob("*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    without_cpt = Terminology.load(tmp_path)
    assert without_cpt.meaning(CPT, "97110") is None
    assert without_cpt.meaning(ICD, "M51.360") == DEGENERATION
    assert without_cpt.concepts()["traction"].codes == 0


def test_a_folder_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(TerminologyError, match=r"overlay: no such folder"):
        Terminology.load(RESOURCES / "valuesets", tmp_path / "overlay")


def test_other_resources_beside_the_value_sets_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "system.json").write_text(json.dumps({"resourceType": "CodeSystem", "url": "x", "odd": 1}))
    assert Terminology.load(tmp_path).concepts() == {}
