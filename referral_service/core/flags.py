"""Red flags: hard ones by their code alone, soft ones by group, with what else may explain them.

Source: pathway section 7. Nothing here looks at trials, holds or referrals: nothing may delay a flag.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from referral_service.core.dates import Horizon
from referral_service.core.episode import has_begun, is_ended
from referral_service.core.record import Record
from referral_service.core.timeline import Condition, Fact, Meaning

HARD_ROLES = ("red_flag_hard", "red_flag_structural")
FLAG_ROLES = (*HARD_ROLES, "red_flag_soft")
_FRACTURE = "red_flag_hard_fracture"
_PREGNANCY = "pregnancy"
_NEEDED_CATEGORY = "problem-list-item"
_BILLING_CATEGORY = "encounter-diagnosis"


Sign = tuple[str, str | None]  # a concept with its region


class Flag(NamedTuple):
    """A new red flag: its concept, group (soft) or None (hard), region, and the day it is dated, if any.

    `is_medical`: infection, malignancy or fracture, for medical assessment rather than spine repair.
    """

    condition: Condition
    concept: str
    group: str | None
    region: str | None
    day: int | None
    is_billing_only: bool = False
    is_medical: bool = False


def may_be_flag(fact: Fact) -> bool:
    """Whether a fact may turn out a red flag: its patient is looked at before others."""
    return isinstance(fact, Condition) and any(it.role.startswith(FLAG_ROLES) for it in fact.meanings)


def heals(condition: Condition, meaning: Meaning) -> bool:
    """Whether it means a fracture past its first treatment; what else its Condition says is no less new."""
    return condition.is_follow_up and meaning.role == _FRACTURE


def first_recorded(conditions: Iterable[Condition]) -> dict[Sign, int]:
    """The day of each concept's first recording: from then on it dates the conditions without a date.

    A concept of the neck is another than the same of the back. What carries an unknown modifier may be of
    somebody else, and makes nothing old.
    """
    first: dict[Sign, int] = {}
    for condition in conditions:
        if condition.recorded and not condition.is_modified:
            day = condition.recorded.day
            for meaning in condition.meanings:
                sign = (meaning.concept, meaning.region)
                first[sign] = min(day, first.get(sign, day))
    return first


class Flags:
    """The new red flags of one patient on the day asked for."""

    def __init__(self, record: Record, horizon: Horizon, is_pregnant: bool) -> None:
        """`is_pregnant`: by the hold's own rule, and surely, which explains bladder signs too."""
        self._record = record
        self._horizon = horizon
        self._is_pregnant = is_pregnant
        self._policy = record.pathway.red_flags

    @cached_property
    def _first_recorded(self) -> dict[Sign, int]:
        return first_recorded(
            c for c in self._record.conditions if c.recorded and self._horizon.has_come(c.recorded.day)
        )

    def _dated(self, condition: Condition, meaning: Meaning) -> int | None:
        if condition.onset:
            return condition.onset.day
        first = self._first_recorded.get((meaning.concept, meaning.region))
        if not (condition.is_modified and condition.recorded):
            return first
        # It makes no other old, and is itself as old as it says.
        own = condition.recorded.day
        return own if first is None else min(own, first)

    def _is_new(self, day: int | None) -> bool:
        """An undated flag never grows old: a human has to date it."""
        within = self._record.pathway.numbers.flag_new_within.value
        return day is None or (self._horizon.has_come(day) and self._horizon.still(day + within))

    @cached_property
    def hard(self) -> tuple[Flag, ...]:
        """New hard flags, the gravest first."""
        found = []
        for condition in self._record.conditions:
            for meaning in condition.meanings:
                if meaning.role.startswith(HARD_ROLES) and self._stands(condition, meaning):
                    day = self._dated(condition, meaning)
                    if self._is_new(day):
                        medical = meaning.concept in self._policy.medical
                        flag = Flag(condition, meaning.concept, None, meaning.region, day, is_medical=medical)
                        found.append(flag)
        return tuple(sorted(found, key=self._gravity))

    def _gravity(self, flag: Flag) -> tuple[bool, bool, int, str]:
        return (
            flag.concept not in self._policy.stat,
            flag.region is None,
            -(flag.day or 0),
            flag.condition.source,
        )

    def _stands(self, condition: Condition, meaning: Meaning) -> bool:
        return not heals(condition, meaning) and self._lasts(condition)

    def _lasts(self, condition: Condition) -> bool:
        # What rests (inactive, in remission) is not over: a flag is heeded, an old stroke goes on explaining.
        return has_begun(condition, self._horizon) and not is_ended(condition, self._horizon)

    @cached_property
    def soft(self) -> tuple[Flag, ...]:
        """New soft flags that nothing else explains."""
        found = []
        for condition in self._record.conditions:
            for meaning in condition.meanings:
                group = self._policy.group_of.get(meaning.concept)
                if group and meaning.role == "red_flag_soft" and self._stands(condition, meaning):
                    day = self._dated(condition, meaning)
                    if self._is_new(day) and not self._is_explained(group):
                        billing = self._is_billing_only(meaning.concept)
                        found.append(Flag(condition, meaning.concept, group, None, day, billing))
        return tuple(found)

    def _is_billing_only(self, concept: str) -> bool:
        coded = [
            c.categories
            for c in self._record.conditions
            if any(m.concept == concept for m in c.meanings) and has_begun(c, self._horizon)
        ]
        every_one = all(_BILLING_CATEGORY in categories for categories in coded)
        return every_one and not any(_NEEDED_CATEGORY in categories for categories in coded)

    def _is_explained(self, group: str) -> bool:
        return "" in self._explained or group in self._explained

    @cached_property
    def _explained(self) -> frozenset[str]:
        """The groups that a competing explanation explains; the empty name stands for every group."""
        groups = set(self._policy.competing.get(_PREGNANCY, ())) if self._is_pregnant else set()
        for condition in self._record.conditions:
            for meaning in () if condition.is_modified else condition.meanings:
                explains = self._policy.competing.get(meaning.concept)
                if explains is not None and meaning.concept != _PREGNANCY and self._lasts(condition):
                    groups |= explains or {""}
        return frozenset(groups)

    def reaching(self, episode_start: int) -> tuple[Flag, ...]:
        """The soft flags that began on or after an episode's first day."""
        return tuple(f for f in self.soft if f.day is None or f.day >= episode_start)

    def is_urgent(self, soft: tuple[Flag, ...]) -> bool:
        """Whether these soft flags need no human to call them urgent."""
        groups = {f.group for f in soft if not f.is_billing_only}
        alone = groups & self._policy.urgent_alone
        return bool(alone) or len(groups) >= self._record.pathway.numbers.soft_groups_needed.value

    def priority(self, flags: tuple[Flag, ...]) -> str:
        """`stat` where minutes matter most, else `urgent`."""
        return "stat" if any(f.concept in self._policy.stat for f in flags) else "urgent"
