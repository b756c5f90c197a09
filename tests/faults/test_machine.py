"""Histories with every fault, by the thousand: nothing lost, nothing doubled, no order that nobody approved.

Over the store in memory, over SQLite held against it, over PostgreSQL. A failure prints its steps and what
replays it; `python -m tests.faults.run` runs many more.
"""

import pytest
from hypothesis import settings

from tests.faults.machine_run import STORES, run


@pytest.mark.timeout(900)  # to make a failure short
@pytest.mark.parametrize(("store", "histories"), [("memory", 1850), ("sqlite", 150), ("postgresql", 24)])
def test_whatever_fails_everybody_is_decided_on_once(store: str, histories: int) -> None:
    with STORES[store]() as open_store:
        assert run(store, open_store, settings(max_examples=histories)) >= histories
