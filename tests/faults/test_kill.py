"""API, workers, broker and database killed at random under load: nothing is lost, and nothing is doubled."""

from pathlib import Path

import pytest

from tests.faults.kills import any_seed, killed

pytestmark = pytest.mark.xdist_group("processes")

# More of the same: python -m tests.faults.kills
KILLS = {"apart": 100, "up": 12}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("house", KILLS)
def test_nothing_acknowledged_is_lost_or_doubled_whatever_is_killed(house: str, tmp_path: Path) -> None:
    seed = any_seed()
    report = killed(house, KILLS[house], seed, tmp_path)
    print(f"seed {seed}: {report}")
    assert report.kills.total() == KILLS[house]
    assert report.faults == {}, f"seed {seed}: {report}"
