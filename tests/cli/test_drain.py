"""`drain`: workers finish what they hold and take nobody more, until operators let them again."""

import re
import time
from subprocess import run

from tests.cli.desk import NOON, Desk, desk
from tests.kit.processes import referral_service
from tests.kit.writes import result

__all__ = ["desk"]


def test_it_waits_until_nobody_is_held_and_ends_when_it_is_told_to(desk: Desk) -> None:
    desk.arrive("ann", "bob")
    worker = desk.store(worker="worker-7")
    first, second = worker.claim(10, NOON)

    with desk.start("drain") as draining:
        assert draining.stdout is not None
        assert draining.stdout.readline() == "Workers claim nobody from now on.\n"
        assert re.match(r"worker-7 holds 2 patients until 20\S+ \S+ UTC at", draining.stdout.readline())
        assert worker.save([result(first)]) == [True]
        assert re.match(r"worker-7 holds 1 patient until", draining.stdout.readline())
        time.sleep(1)
        assert draining.poll() is None
        desk.arrive("mia")
        assert worker.save([result(second)]) == [True]
        assert draining.wait(30) == 0
        assert draining.stdout.readline().startswith("Nobody is held. `referral-service drain --end`")
    assert desk.due() == []

    assert desk.run("drain") == (
        0,
        [
            "Workers claim nobody already.",
            "Nobody is held. `referral-service drain --end` lets workers go on.",
        ],
        [],
    )
    assert desk.run("drain", "--end") == (0, ["Workers claim patients again."], [])
    assert desk.run("drain", "--end") == (0, ["Nothing was drained."], [])
    assert desk.due() == ["mia"]
    told = [(kind, "Device/referral-service", "{}") for kind in ("drained", "resumed")]
    assert desk.lines("drained", "resumed") == told


def test_it_need_not_wait(desk: Desk) -> None:
    desk.arrive("ann")
    desk.store(worker="worker-7").claim(10, NOON)

    code, said, complained = desk.run("drain", "--no-wait")

    assert (code, len(said), complained) == (0, 2, [])
    assert said[1].startswith("worker-7 holds 1 patient until")


def test_ending_waits_for_nothing(desk: Desk) -> None:
    assert desk.run("drain", "--end", "--no-wait")[0] == 2


def test_a_disk_that_is_full_is_said(desk: Desk) -> None:
    desk.arrive("ann")
    limited = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *referral_service("drain", "--no-wait")]

    found = run(limited, env=desk.settings.environment(), capture_output=True, text=True, check=False)

    assert (found.returncode, found.stdout) == (1, "")
    (complaint,) = found.stderr.splitlines()
    assert complaint.startswith(
        "referral-service: the database cannot be used: d"
    )  # disk I/O error, or is full
