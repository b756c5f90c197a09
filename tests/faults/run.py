"""Many histories of the fault machine, each batch from a seed of its own, over every store in turn.

Run: python -m tests.faults.run --histories 100000 [--seed N]
Again: python -m tests.faults.run --store memory --histories 500 --seed N, or --store memory --replay TEXT
"""

import argparse
import sys
import time
import traceback
from random import SystemRandom

from hypothesis import settings
from hypothesis.errors import DidNotReproduce

from tests.faults.machine_run import STORES, Again, OpenStore, run

# Of so many histories one is over this store; and how many make a batch.
_SHARES = {"sqlite": 25, "postgresql": 200}
_BATCHES = {"memory": 500, "sqlite": 100, "postgresql": 50}


def main() -> int:
    """0 when no history has failed, 1 at the first that has."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.run")
    parser.add_argument("--histories", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    parser.add_argument("--store", choices=[*STORES], help="this one alone")
    parser.add_argument("--replay", metavar="TEXT", help="the text within b'...' that a failure has printed")
    asked = parser.parse_args()
    if asked.replay:
        store = asked.store or "memory"
        with STORES[store]() as open_store:
            return _batch(store, open_store, 1, Again(blob=asked.replay.encode()))
    shares = {store: asked.histories // share for store, share in _SHARES.items()}
    shares["memory"] = asked.histories - sum(shares.values())
    if asked.store:
        shares = {asked.store: asked.histories}
    return max(_all(store, number, asked.seed) for store, number in shares.items())


def _all(store: str, histories: int, seed: int) -> int:
    done, started = 0, time.monotonic()
    with STORES[store]() as open_store:
        while done < histories:
            size = min(_BATCHES[store], histories - done)
            if _batch(store, open_store, size, Again(seed)):
                print(f"Again: python -m tests.faults.run --store {store} --histories {size} --seed {seed}")
                return 1
            done, seed = done + size, seed + 1
            rate = done / (time.monotonic() - started)
            print(f"{store}: {done:,} of {histories:,} histories, {rate:.0f} a second", flush=True)
    return 0


def _batch(store: str, open_store: OpenStore, histories: int, again: Again) -> int:
    try:
        run(store, open_store, settings(max_examples=histories, derandomize=False), again)
    except DidNotReproduce:
        print("It does not fail any more.")
    except Exception:  # noqa: BLE001 - whatever a history has found
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
