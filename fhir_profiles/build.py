"""`python -m fhir_profiles.build`: builds fhir_profiles, validates it, compares it with what is committed.

Exit 0: everything is valid and as committed. Exit 1: something is not, and what. With `--write` a difference
is no fault: what was built takes the place of what is there.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from fhir_profiles import build_definitions, build_examples, build_valuesets
from fhir_profiles.build_definitions import HERE, BuildError, Definitions
from fhir_profiles.validate import Job, Pyrofile, by_medplum, jobs_of

BUILT_FOLDERS = (
    "resources/valuesets",
    "resources/codesystems",
    *(f"resources/{folder}" for folder in build_definitions.FOLDERS.values()),
    "examples",
)
CHART = "examples/chart.json"


class Built(NamedTuple):
    """All that is made: files by their path below fhir_profiles/, and the definitions with snapshots."""

    files: dict[str, str]
    definitions: Definitions

    @property
    def examples(self) -> list[Job]:
        """Every resource of the examples, by its profile, and the examples themselves."""
        found = ((path, text) for path, text in self.files.items() if path.startswith("examples/"))
        jobs = (jobs_of(path, json.loads(text), emitted=path != CHART) for path, text in found)
        return [*chain.from_iterable(jobs)]

    @property
    def published(self) -> list[Job]:
        """Everything that the service publishes, as plain R4."""
        resources = (item for item in self.files.items() if item[0].startswith("resources/"))
        return [Job(path, json.loads(text)) for path, text in resources]


def build() -> Built:
    """Makes everything; nothing is written. Raises BuildError."""
    definitions = build_definitions.build()
    resources = {f"resources/{path}": text for path, text in build_valuesets.build().items()}
    return Built(resources | definitions.files() | build_examples.build(), definitions)


def problems(built: Built) -> list[str]:
    """What the validators find: both in the examples, @medplum/core alone in what is published.

    Pyrofile counts what is nested in several places of a ValueSet as one list, and so refuses R4's own.
    """
    pyrofile = Pyrofile(built.definitions)
    found = {
        "@medplum/core": by_medplum(built.definitions, [*built.examples, *built.published]),
        "Pyrofile": pyrofile.problems(built.examples),
    }
    return [
        f"{name}: {validator}: {problem}"
        for validator, by_name in found.items()
        for name, said in by_name.items()
        for problem in said
    ]


def differences(files: Mapping[str, str]) -> list[str]:
    """What is committed otherwise, not at all, or although it is no longer made."""
    there = {
        path.relative_to(HERE).as_posix(): path for f in BUILT_FOLDERS for path in (HERE / f).rglob("*.json")
    }
    return [
        *(f"{path}: not committed" for path in sorted(files.keys() - there.keys())),
        *(f"{path}: no longer made" for path in sorted(there.keys() - files.keys())),
        *(
            f"{path}: differs from the build"
            for path, text in sorted(files.items())
            if path in there and there[path].read_text(encoding="utf-8") != text
        ),
    ]


def write(files: Mapping[str, str]) -> None:
    """Puts what was built in the place of what is there."""
    for folder in BUILT_FOLDERS:
        for path in (HERE / folder).rglob("*.json"):
            if path.relative_to(HERE).as_posix() not in files:
                path.unlink()
    for name, text in files.items():
        path = HERE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m fhir_profiles.build", description=__doc__)
    parser.add_argument("--write", action="store_true", help="replace what is committed by what was built")
    is_to_write = parser.parse_args(arguments).write
    try:
        built = build()
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    if is_to_write:
        write(built.files)
    found, differing = problems(built), differences(built.files)
    for fault in (*found, *differing):
        print(fault, file=sys.stderr)
    if differing:
        print("If that is meant: python -m fhir_profiles.build --write", file=sys.stderr)
    if found or differing:
        return 1
    print(
        f"{len(built.files)} files built and as committed; {len(built.examples)} examples valid by two "
        f"validators, {len(built.published)} published resources valid R4."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
