"""`python -m tests.worklist.redraw`: draws the kept pictures anew, to be looked at before they are committed.

With `--page FILE` it writes a page of them all with its stylesheet, to open in a browser, and keeps nothing.
"""

import argparse
from importlib.resources import files
from pathlib import Path

from tests.worklist.drawn import drawing, kept, page

GOLDEN = Path(__file__).parent / "golden"


def main() -> None:
    """Draws."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, help="a page of all of them instead, to look at")
    wanted = parser.parse_args().page
    shown = kept()
    if wanted:
        style = (files("referral_service.api.worklist") / "static" / "picture.css").read_text()
        head = f"<!doctype html><meta charset=utf-8><title>Pictures</title><style>{style}</style>"
        wanted.write_text(head + "".join(f"<h1>{name}</h1>{page(one)}" for name, one in shown.items()))
        return
    for old in GOLDEN.glob("*.svg"):
        old.unlink()
    for name, one in shown.items():
        (GOLDEN / name).write_text(drawing(one))


if __name__ == "__main__":
    main()
