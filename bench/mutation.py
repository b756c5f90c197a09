"""`make mutation`: small faults are put into the decision one by one; how many of them the tests notice.

Exit 1 below 95 of 100. Prints every fault that nobody noticed.
"""

import json
import subprocess
import sys
from pathlib import Path

WANTED = 95.0
STATISTICS = Path("mutants/mutmut-cicd-stats.json")


def main() -> int:
    """Runs mutmut as pyproject.toml sets it up, from where the last run ended; its exit status."""
    for step in (["run", "--max-children", "2"], ["export-cicd-stats"]):
        subprocess.run([sys.executable, "-m", "mutmut", *step], check=True)
    found = json.loads(STATISTICS.read_text())
    noticed, tried = found["killed"] + found["timeout"], found["total"] - found["skipped"]
    subprocess.run([sys.executable, "-m", "mutmut", "results"], check=True)
    print(f"{noticed} of {tried} faults noticed: {100 * noticed / tried:.1f} %; wanted are {WANTED:.0f} %")
    return 0 if 100 * noticed >= WANTED * tried else 1


if __name__ == "__main__":
    sys.exit(main())
