"""Five hundred orders to an EHR with every fault: none lost, none doubled, none late in silence."""

from pathlib import Path

import structlog

from tests.faults.deliveries import run

ORDERS = 500


def test_every_order_arrives_once_or_a_person_is_told(tmp_path: Path) -> None:
    with structlog.testing.capture_logs():
        report = run(tmp_path, ORDERS, seed=6)
    assert (report.lost, report.doubled, report.unflagged) == ([], [], [])
    assert report.arrived + report.flagged == report.orders == ORDERS
    # it was hard: orders were tried more than once, senders died, and every fault has struck
    assert report.tries > ORDERS
    assert report.deaths > 0
    for fault in ("lost-answer", "error-after", "slow-commit", "double", "stale-search"):
        assert report.struck[fault] > 0
