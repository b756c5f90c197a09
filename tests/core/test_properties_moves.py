"""Properties of what follows decisions: asked twice nothing moves, and never two referrals for one thing."""

from collections.abc import Mapping
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from referral_service.core.decision import Decision, RedFlag
from referral_service.core.moves import AGED
from referral_service.core.saying import flags_in, is_red, says, sign
from tests.core.memory import OPEN, Memory, said

ELECTIVE = (
    ("in-trial", None, ("duration",)),
    ("exhausted", "intradiscal", ("function-flat",)),
    ("exhausted", "intradiscal", ("function-flat", "rebound")),
    ("exhausted", "surgical", ("function-flat",)),
    ("review", None, ("outcome-outdated",)),
    ("review", None, ("imaging-outdated",)),
    ("review", None, ("trial-outdated", "trial-incomplete")),
    ("review", None, ("route-unclear",)),
    ("on-hold", None, ("minor",)),
    ("responding", None, ("improved",)),
)

# By what comes: the flags that reach every episode, those of the back alone, and the priority.
FLAGS = {
    "hard": (("myelopathy",), (), "urgent"),
    "stat": (("cauda_equina",), (), "stat"),
    "soft": ((), ("foot_drop",), "urgent"),
    "hard and soft": (("myelopathy",), ("foot_drop",), "urgent"),
    "two hard": (("cauda_equina", "myelopathy"), (), "stat"),
}


class Day(NamedTuple):
    """What one evaluation finds: per region closed, continued or begun anew, an answer; and red flags."""

    lumbar: str
    cervical: str
    answers: tuple[int, int]
    flag: str
    verb: str


days = st.builds(
    Day,
    lumbar=st.sampled_from(("open", "open", "open", "closed", "anew")),
    cervical=st.sampled_from(("closed", "open", "anew")),
    answers=st.tuples(*(st.sampled_from((1, 1, *range(len(ELECTIVE)))) for _ in range(2))),
    flag=st.sampled_from(("", "", "", *FLAGS, "possible", "deceased")),
    verb=st.sampled_from(("", "", "", "approve", "send", "decline", "withdraw")),
)


class Patient:
    """Episodes as they come and go. An episode's key is its region and its number."""

    def __init__(self) -> None:
        self._numbers = {"lumbar": 0, "cervical": 0}
        self._open = {"lumbar": False, "cervical": False}

    def on(self, day: Day) -> dict[str, Decision]:
        """The decisions of every episode ever had, by key."""
        for region, wanted in (("lumbar", day.lumbar), ("cervical", day.cervical)):
            if wanted == "anew" or (wanted == "open" and not self._open[region]):
                self._numbers[region] += 1
            self._open[region] = wanted != "closed"
        found = {
            f"{region}-{number}": self._said(region, number, day)
            for region, last in self._numbers.items()
            for number in range(1, last + 1)
        }
        if not any(self._open.values()) and any(_flags(None, day.flag)):
            found["none"] = self._urgent(None, day.flag)
        return found or {"none": said(None, "no-qualifying-condition", "none")}

    def _said(self, region: str, number: int, day: Day) -> Decision:
        if not self._open[region] or number < self._numbers[region]:
            return said(region, "no-qualifying-condition", "resolved")
        if day.flag == "deceased":
            return said(region, "on-hold", "deceased")
        if _flags(region, day.flag):
            return self._urgent(region, day.flag)
        if day.flag == "possible" and region == "lumbar":
            return said(region, "review", "possible-red-flag", priority="urgent")
        outcome, target, reasons = ELECTIVE[day.answers[region == "cervical"]]
        return said(region, outcome, *reasons, target=target)

    def _urgent(self, region: str | None, flag: str) -> Decision:
        flags = _flags(region, flag)
        return said(
            region,
            "urgent",
            *dict.fromkeys(one.reason for one in flags),
            target="surgical",
            priority=FLAGS[flag][2],
            flags=flags,
            flag_regions=("cervical",) if FLAGS[flag][0] else (),
        )


def _flags(region: str | None, flag: str) -> tuple[RedFlag, ...]:
    """What reaches the episode of that region."""
    hard, soft, _ = FLAGS.get(flag, ((), (), ""))
    found = [RedFlag(one, None, f"Condition/{one}", "red-flag-hard") for one in hard]
    found += [RedFlag(one, None, f"Condition/{one}", "red-flag-soft") for one in soft if region == "lumbar"]
    return tuple(found)


Course = list[Day]
courses = st.lists(days, min_size=1, max_size=8)


def _lived(course: Course) -> list[tuple[dict[str, Decision], Memory, Day]]:
    """Every day of a course after its moves: the decisions, and what is remembered by then."""
    patient, memory, seen = Patient(), Memory(), []
    for day in course:
        decisions = patient.on(day)
        memory.follow(decisions)
        seen.append((decisions, Memory(list(memory.referrals)), day))
        if day.verb == "send":
            memory.answer("approve")
            memory.send()
        elif day.verb:
            memory.answer(day.verb)
    return seen


@given(courses)
def test_the_same_decisions_asked_again_move_nothing(course: Course) -> None:
    for decisions, memory, _ in _lived(course):
        assert memory.follow(decisions) == []


@given(courses)
def test_there_is_one_open_referral_for_each_region_and_target_and_one_urgent_in_all(course: Course) -> None:
    for decisions, memory, _ in _lived(course):
        elective = [(r.region, r.target) for r in memory.open("elective")]
        assert len(set(elective)) == len(elective)
        assert len(memory.open("urgent")) <= int(_is_urgent(decisions))
        assert len({r.episode for r in memory.reviews()}) == len(memory.reviews())


def _is_urgent(decisions: Mapping[str, Decision]) -> bool:
    return any(d.outcome == "urgent" for d in decisions.values())


@given(courses)
def test_every_red_flag_is_on_an_open_proposal_or_on_one_that_a_person_has_answered(course: Course) -> None:
    for decisions, memory, _ in _lived(course):
        told = [r for r in memory.referrals if r.status in OPEN or r.task_status == "completed"]
        heard = set().union(*(flags_in(r.decision) for r in told if r.urgency == "urgent"))
        assert {sign(flag) for d in decisions.values() if is_red(d) for flag in d.flags} <= heard


@given(courses)
def test_elective_proposals_wait_exactly_while_a_red_flag_stands(course: Course) -> None:
    for decisions, memory, _ in _lived(course):
        red = any(map(is_red, decisions.values()))
        assert {r.status for r in memory.open("elective")} <= ({"on-hold"} if red else {"draft"})


@given(courses)
def test_an_open_proposal_is_supported_or_merely_aged_or_waits(course: Course) -> None:
    for decisions, memory, _ in _lived(course):
        for referral in memory.open("elective"):
            [decision] = [d for d in decisions.values() if d.region == referral.region and d.is_open]
            supports = decision.outcome == "exhausted" and decision.target == referral.target
            assert supports or set(decision.reasons) <= AGED or is_red(decision)


@given(courses)
def test_whoever_is_exhausted_has_a_proposal_an_approved_one_or_a_declined_one(course: Course) -> None:
    for decisions, memory, _ in _lived(course):
        for decision in decisions.values():
            if decision.outcome == "exhausted":
                same = [
                    r
                    for r in memory.referrals
                    if (r.region, r.target, r.urgency) == (decision.region, decision.target, "elective")
                ]
                assert any(r.status in ("draft", "on-hold", "completed") for r in same) or any(
                    r.status == "revoked" and r.task_status == "completed" for r in same
                )


@given(courses)
def test_a_review_is_open_for_each_decision_that_asks_a_human_and_was_not_looked_at(course: Course) -> None:
    for decisions, memory, _ in _lived(course):
        open_reviews = {r.episode for r in memory.reviews()}
        looked_at = {
            (r.episode, r.decision) for r in memory.referrals if r.target is None and r.status == "completed"
        }
        regions = {r.region for r in memory.open("elective")}
        for key, decision in decisions.items():
            asks = decision.outcome == "review"
            on_its_proposal = set(decision.reasons) <= AGED and decision.region in regions
            is_told = (key, says(decision)) in looked_at
            assert (key in open_reviews) == (asks and not on_its_proposal and not is_told)


@given(courses)
def test_what_is_asked_of_a_human_again_after_another_answer_is_asked_again(course: Course) -> None:
    before: dict[str, str] = {}
    for decisions, memory, _ in _lived(course):
        regions = {r.region for r in memory.open("elective")}
        for key, decision in decisions.items():
            on_its_proposal = set(decision.reasons) <= AGED and decision.region in regions
            if decision.outcome == "review" and before.get(key) != says(decision) and not on_its_proposal:
                assert key in {r.episode for r in memory.reviews()}
        before = {key: says(decision) for key, decision in decisions.items()}


@given(courses)
def test_a_red_flag_that_comes_back_is_drafted_again_whatever_was_answered_before(course: Course) -> None:
    was_urgent = False
    for decisions, memory, _ in _lived(course):
        if _is_urgent(decisions) and not was_urgent:
            assert memory.open("urgent")
        was_urgent = _is_urgent(decisions)


@given(courses)
def test_an_episode_that_begins_exhausted_has_a_proposal_whatever_was_answered_for_the_last(
    course: Course,
) -> None:
    known: set[str] = set()
    for decisions, memory, _ in _lived(course):
        for key, decision in decisions.items():
            if key not in known and decision.outcome == "exhausted":
                wanted = (decision.region, decision.target)
                assert wanted in {(r.region, r.target) for r in memory.open("elective")}
        known |= set(decisions)
