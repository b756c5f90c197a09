"""Makes the official examples again, from HL7's own package: `python -m tests.foreign.rebuild_examples`.

Types that the service does not check are left out, and the Bundles over 1 MB. README.md says more.
"""

import gzip
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from referral_service.fhir.definitions import CHECKED_TYPES
from tests.foreign.node import NPM

PACKAGE = "hl7.fhir.r4.examples@4.0.1"
LARGEST = 1_000_000  # bytes
# It has CPT's descriptor of a code, which belongs to the American Medical Association.
LEFT_OUT = "GuidanceResponse-example.json"
TARGET = Path(__file__).parent / "official" / "examples.ndjson.gz"


def rebuild() -> None:
    """The file, over the one that is there."""
    with TemporaryDirectory() as folder:
        subprocess.run([NPM, "pack", "--silent", PACKAGE], cwd=folder, check=True)
        (archive,) = Path(folder).glob("*.tgz")
        text = b"\n".join(_examples(archive)) + b"\n"
    TARGET.write_bytes(gzip.compress(text, 9, mtime=0))


def _examples(archive: Path) -> Iterator[bytes]:
    with tarfile.open(archive) as files:
        for file in sorted(files, key=lambda one: one.name):
            name = Path(file.name).name
            extracted = files.extractfile(file)
            if extracted is None or name == LEFT_OUT or file.size > LARGEST or not name.endswith(".json"):
                continue
            text = extracted.read()
            if json.loads(text).get("resourceType") in CHECKED_TYPES:
                # No string of JSON goes over a line's end: only the layout changes.
                yield b" ".join(line.strip(b" \t\r") for line in text.split(b"\n")).strip()


if __name__ == "__main__":
    rebuild()
