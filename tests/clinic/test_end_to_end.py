"""The main job on the sample clinic, end to end: an EHR posts, a Celery worker decides, referrals come out.

Order, repetition, a killed worker and a restart change nothing; time alone does.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from referral_service.clinic.answers import expected
from referral_service.clinic.chart import build
from referral_service.clinic.stories import load
from referral_service.clock import SystemClock, local_day
from tests.clinic.house import Clinic, OpenReferral, clinic, wait_until

pytestmark = pytest.mark.xdist_group("end-to-end")

STORIES = load()
EXPECTED = {story["id"]: expected(story) for story in STORIES}


def today() -> date:
    """The day on which the service is asked."""
    return local_day(SystemClock().now(), "UTC")


def expected_referrals() -> Counter[OpenReferral]:
    """A draft for each elective target, and one for all of a patient's urgent decisions."""
    drafts: Counter[OpenReferral] = Counter()
    for story in STORIES:
        urgent = [e for e in story["expect"] if e["outcome"] == "urgent"]
        for e in urgent[:1] + [e for e in story["expect"] if e["outcome"] == "exhausted"]:
            drafts[story["id"], e["target"], e.get("priority", "routine"), "proposal", "draft"] += 1
    return drafts


@pytest.fixture(scope="module")
def posted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """A service that the clinic was posted to, each story in its own manner."""
    with clinic(tmp_path_factory.mktemp("posted")) as running:
        for story in STORIES:
            running.ehr.send(build(story, today()), story["send"])
        running.wait_until_quiet()
        yield running


def test_every_patient_gets_the_decision_of_the_story(posted: Clinic) -> None:
    assert posted.decisions(STORIES) == EXPECTED


def test_every_exhausted_or_urgent_patient_gets_one_draft(posted: Clinic) -> None:
    assert posted.open_referrals(STORIES) == expected_referrals()


def test_posted_again_in_another_order_nothing_changes(posted: Clinic) -> None:
    before = posted.referrals(STORIES)
    for story in reversed(STORIES):
        posted.ehr.send(build(story, today()), "shuffled")
    posted.wait_until_quiet()
    assert posted.decisions(STORIES) == EXPECTED
    assert posted.referrals(STORIES) == before


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the worker's process in /proc")
def test_a_worker_killed_in_the_middle_costs_nothing(tmp_path: Path) -> None:
    resources = [resource for story in STORIES for resource in build(story, today())]
    third = len(resources) // 3
    with clinic(tmp_path) as running:
        # All patients' resources mixed, most treatments before the Patient they are of.
        running.ehr.shuffled(resources[:third])
        first = running.kill_worker()
        running.ehr.shuffled(resources[third : 2 * third])
        wait_until(lambda: running.has_new_worker(first))
        second = running.kill_worker()
        running.ehr.shuffled(resources[2 * third :])
        wait_until(lambda: running.has_new_worker(first | second))
        running.wait_until_quiet()
        identifiers = Counter(
            each.identifier for referrals in running.referrals(STORIES).values() for each in referrals
        )
        assert running.decisions(STORIES) == EXPECTED
        assert running.open_referrals(STORIES) == expected_referrals()
        assert max(identifiers.values()) == 1


def test_time_alone_exhausts_a_trial(tmp_path: Path) -> None:
    story = next(story for story in STORIES if story["id"] == "one-week-short-of-the-minimum")
    with clinic(tmp_path) as running:
        running.ehr.send(build(story, today()), "transaction")
        running.wait_until_quiet()
        before = running.decisions([story])
        assert (before, running.open_referrals([story])) == ({story["id"]: expected(story)}, Counter())
    with clinic(tmp_path, clock_shift="+14d") as later:
        wait_until(lambda: later.decisions([story]) != before)
        later.wait_until_quiet()
        assert later.decisions([story]) == {
            story["id"]: {("lumbar", "exhausted", "intradiscal", frozenset({"function-flat"}))}
        }
        assert later.open_referrals([story]) == Counter(
            {(story["id"], "intradiscal", "routine", "proposal", "draft"): 1}
        )
        tear = f"{later.service.address}/fhir/Condition/{story['id']}-tear"
        assert later.http.get(tear).json()["meta"]["versionId"] == "1"
