"""`make mutation`: small faults are put into the decision one by one; how many of them the tests notice.

Exit 1 below 95 of 100. Prints every fault that nobody noticed. What follows the command goes to `mutmut run`,
for example the names of some faults.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from bench.undecorated import MARK, undecorated

WANTED = 95.0
CORE = Path("referral_service/core")
TREE = Path("mutants")
# In it mutmut keeps its own copy, and what it found, for the next run.
_KEPT = "mutants"
# All tests share one pathway: what it remembers from before a fault would hide the fault.
_SHARED = ("pathway.py",)
_RESULT = re.compile(r"^ +(\S+): (.+)$", re.MULTILINE)


def prepare() -> None:
    """Makes `TREE`: links to everything here, but the core written anew without decorators."""
    TREE.mkdir(exist_ok=True)
    for old in TREE.iterdir():
        if old.name != _KEPT:
            shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
    # Which test asks which function: of a function that is new, mutmut would learn from new tests alone.
    (TREE / _KEPT / "mutmut-stats.json").unlink(missing_ok=True)
    (TREE / CORE).mkdir(parents=True)
    for path in (*Path().iterdir(), *CORE.parent.iterdir()):
        if path not in (TREE, CORE.parent, CORE) and not path.name.startswith((".", "__pycache__")):
            (TREE / path).symlink_to(path.resolve())
    for path in CORE.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        if path.name in _SHARED:
            source = source.replace("@cached_property", "@property")
        (TREE / path).write_text(undecorated(source), encoding="utf-8")


def mutmut(*command: str) -> subprocess.CompletedProcess[str]:
    """Runs mutmut in `TREE`, as pyproject.toml sets it up; `results` alone are read, not shown."""
    run = [sys.executable, "-m", "mutmut", *command]
    return subprocess.run(run, cwd=TREE, check=True, text=True, capture_output=command[0] == "results")


def main() -> int:
    """Goes on from where the last run ended; the exit status."""
    prepare()
    mutmut("run", "--max-children", "2", *sys.argv[1:])
    found = dict(_RESULT.findall(mutmut("results", "--all", "true").stdout))
    tried = {name: status in ("killed", "timeout") for name, status in found.items() if status != "skipped"}
    print(*(f"{name}: {found[name]}" for name, noticed in tried.items() if not noticed), sep="\n")
    noticed, of_all = sum(tried.values()), len(tried)
    decorated = [noticed for name, noticed in tried.items() if f"{MARK}__mutmut" in name]
    print(f"{noticed} of {of_all} faults noticed: {100 * noticed / of_all:.1f} %; wanted are {WANTED:.0f} %")
    print(f"of these in decorated functions: {sum(decorated)} of {len(decorated)}")
    return 0 if 100 * noticed >= WANTED * of_all else 1


if __name__ == "__main__":
    sys.exit(main())
