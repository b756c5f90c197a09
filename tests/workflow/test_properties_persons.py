"""Patients joined and separated at any moment, also while a worker looks at them: what is left is right.

Told in any order: care, links, answers, and a worker whose result comes late.
"""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from referral_service.core.decide import ask
from referral_service.core.referral import OPEN, Referral
from referral_service.core.timeline import Timeline
from referral_service.store import bodies
from referral_service.store.tables import episode, referral
from referral_service.workflow.ports import DEFAULT_TENANT, PatientId, Result
from tests.kit.judged import PATHWAY, TODAY
from tests.workflow.answers import CAUDA, RETENTION, tell
from tests.workflow.clinic import EXHAUSTED, Clinic
from tests.workflow.test_persons import patient

NAMES = ("ann", "zoe")
PARTS = {
    "half": EXHAUSTED[:2],
    "other half": EXHAUSTED[2:],
    "all": EXHAUSTED,
    "cauda": [CAUDA],
    "retention": [RETENTION],
    "neck": [{"condition": "M50.20", "onset": -90, "id": "neck"}],
    "nothing": [],
}
posts = st.tuples(st.just("post"), st.sampled_from(NAMES), st.sampled_from((*PARTS, "all", "all")))
links = st.tuples(st.sampled_from(("link", "link", "unlink")), st.sampled_from(NAMES), st.just(""))
others = st.sampled_from(
    [("works", "", ""), ("begins", "", ""), ("ends", "", ""), ("approves", "", ""), ("declines", "", "")]
)
beginnings = st.sampled_from(("all", "all", "all", "half", "other half", "cauda", "nothing"))
histories = st.lists(st.one_of(posts, links, others, others), min_size=2, max_size=10)


class Story:
    """A clinic, and a worker who may be slow."""

    def __init__(self, folder: Path) -> None:
        self.clinic = Clinic(folder)
        self.is_linked = dict.fromkeys(NAMES, False)
        self.late: list[Result] = []

    def tell(self, what: str, name: str, part: str) -> None:
        if what == "post":
            self.clinic.post(*PARTS[part], patient=name, evaluate=False)
            self.link(name, self.is_linked[name])
        elif what in ("link", "unlink"):
            self.link(name, what == "link")
        elif what == "works":
            self.clinic.evaluate()
        elif what == "begins":
            self.ends()
            claims = self.clinic.store.claim(9, self.clinic.clock.as_of())
            self.late = [self.clinic.assessor.evaluate(it) for it in self.clinic.store.load(claims)]
        elif what == "ends":
            self.ends()
        else:
            self.answers(what)

    def link(self, name: str, is_linked: bool) -> None:
        (other,) = (it for it in NAMES if it != name)
        self.is_linked[name] = is_linked
        self.clinic.put(patient(name, *([f"seealso {other}"] if is_linked else [])))

    def ends(self) -> None:
        if self.late:
            self.clinic.store.save(self.late)
            self.late = []

    def answers(self, verb: str) -> None:
        open_ones = [r for r in self.clinic.emitted("ServiceRequest") if r["status"] == "draft"]
        if open_ones:
            more: Any = {"reason": "patient-declined"} if verb == "declines" else {}
            tell(self.clinic, "decline" if more else "approve", open_ones[0], **more)

    def quiet(self) -> None:
        self.ends()
        self.clinic.store.release()
        self.clinic.evaluate()

    def referrals(self) -> list[Referral]:
        with self.clinic.engine.connect() as connection:
            return [bodies.referral(body) for body in connection.scalars(select(referral.c.body))]

    def decided(self) -> dict[str, set[tuple[Any, ...]]]:
        """What is remembered as open, by patient."""
        found: dict[str, set[tuple[Any, ...]]] = {name: set() for name in NAMES}
        with self.clinic.engine.connect() as connection:
            for row in connection.execute(select(episode.c.patient, episode.c.body)):
                one = bodies.episode(row.body)
                if one.is_open:
                    found[row.patient].add((one.region, one.decision.answer))
        return found

    def wanted(self, name: str) -> set[tuple[Any, ...]]:
        facts = self.clinic.store.facts_of(DEFAULT_TENANT, PatientId(name))
        answer = ask(Timeline.of(facts), PATHWAY, TODAY)
        return {(it.region, it.answer) for it in answer.decisions if it.is_open}


def check(story: Story) -> None:
    decided, is_one = story.decided(), any(story.is_linked.values())
    if is_one:
        assert decided["ann"] | decided["zoe"] == story.wanted("ann") == story.wanted("zoe")
    else:
        assert decided == {name: story.wanted(name) for name in NAMES}
    open_ones = [it for it in story.referrals() if it.target and it.status in OPEN]
    counted = Counter("urgent" if it.urgency == "urgent" else (it.region, it.target) for it in open_ones)
    assert not is_one or not counted or max(counted.values()) == 1, "two open proposals for one person"
    said = {r["id"]: r["status"] for r in story.clinic.emitted("ServiceRequest")}
    for one in story.referrals():
        if one.target:
            assert said[one.id] == one.status


@given(ann=beginnings, zoe=beginnings, history=histories)
@settings(max_examples=25, deadline=None)
def test_whatever_came_in_between_a_person_is_decided_on_once(
    ann: str, zoe: str, history: list[tuple[str, str, str]]
) -> None:
    with TemporaryDirectory() as folder:
        story = Story(Path(folder))
        for name, part in zip(NAMES, (ann, zoe), strict=True):
            story.tell("post", name, part)
        story.tell("works", "", "")
        for step in history:
            story.tell(*step)
        story.quiet()
        check(story)
        for name in NAMES:
            story.link(name, is_linked=False)
        story.quiet()
        check(story)
        story.clinic.store.close()
