"""Assess: claim patients that are due, decide with what is known, and store what follows.

A result counts only if nobody else took the patient and nothing new arrived meanwhile; the store says so.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from referral_service.core.decide import ask, was_exhausted
from referral_service.core.keeping import Keeper
from referral_service.core.pathway import Pathway
from referral_service.core.problem import Category, Problem
from referral_service.core.referral import Referral
from referral_service.core.timeline import Timeline
from referral_service.fhir.parse import parse
from referral_service.fhir.write import Names
from referral_service.workflow.follow import Follow
from referral_service.workflow.ports import Chart, Claim, Clock, Onlooker, Result, Store
from referral_service.workflow.setting import Setting

_NOBODY = Onlooker()


class Assessor:
    """The verb, over its ports."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        pathway: Pathway,
        canonical_base: str,
        timezone: str,
        onlooker: Onlooker = _NOBODY,
    ) -> None:
        """`timezone` gives `as_of` its local day; `canonical_base` names what is ours."""
        self._store = store
        self._clock = clock
        self._pathway = pathway
        self._zone = ZoneInfo(timezone)
        self._names = Names(canonical_base, pathway.id, pathway.version)
        self._onlooker = onlooker

    def run_due(self, limit: int = 200, progress: Callable[[], None] = lambda: None) -> int:
        """Evaluates one batch of due patients; how many were claimed (0: nobody is due).

        `progress` is called before each step that may take its time.
        """
        progress()
        claims = self._store.claim(limit, self._clock.as_of())
        since = self._clock.now()
        progress()
        results: list[Result] = []
        for chart in self._load(claims):
            progress()
            if self._clock.now() - since > (chart.claim.until - since) / 2:
                self._store.renew(claims)
                since = self._clock.now()
            result = self._attempt(chart)
            results += [result] if result else []
        progress()
        self._save(results)
        return len(claims)

    def _load(self, claims: Sequence[Claim]) -> list[Chart]:
        """All at once; if that fails, one by one, so that what cannot be read holds nobody else up."""
        try:
            return self._store.load(claims)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one record
            if len(claims) == 1:
                self._give_back(claims[0], error)
                return []
            return [chart for claim in claims for chart in self._load([claim])]

    def _attempt(self, chart: Chart) -> Result | None:
        try:
            return self._onlooker.around(chart, self.evaluate)
        except Exception as error:  # noqa: BLE001 - one patient's fault must not stop the others
            self._give_back(chart.claim, error)
            return None

    def _save(self, results: list[Result]) -> None:
        """All in one transaction; if that fails, one by one, so that the faulty one alone is given back."""
        if not results:
            return
        try:
            self._store.save(results)
        except Exception as error:  # noqa: BLE001 - see above: the store's reason does not matter here
            if len(results) == 1:
                self._give_back(results[0].claim, error)
                return
            for result in results:
                self._save([result])

    def _give_back(self, claim: Claim, error: Exception) -> None:
        self._onlooker.failed(claim, error)
        category = error.category if isinstance(error, Problem) else Category.FAULT
        self._store.fail(claim, f"{category.name.lower()}: {type(error).__name__}")

    def evaluate(self, chart: Chart) -> Result:
        """What deciding about one patient now comes to."""
        as_of = self._clock.as_of()
        today = as_of.astimezone(self._zone).date()
        timeline = Timeline.of(chart.facts)
        answer = ask(timeline, self._pathway, today)
        owner = (chart.claim.tenant, chart.claim.patient)
        kept = Keeper(owner, chart.episodes, timeline, self._pathway).keep(answer.decisions, today)
        setting = Setting(as_of, self._clock.now(), self._zone, self._names)

        def find(type: str, id: str) -> dict[str, Any] | None:
            stored = self._store.read(chart.claim.tenant, type, id)
            return parse(stored.body) if stored else None

        wake_at = None
        if answer.ask_on:
            wake_at = datetime.combine(answer.ask_on, time(), self._zone).astimezone(UTC)

        @cache
        def has_aged(referral: Referral) -> bool:
            return was_exhausted(
                timeline,
                self._pathway,
                referral.region or "",
                referral.target or "",
                self._earlier(referral, today),
            )

        result = Follow(chart, kept, setting, find, has_aged).result(wake_at)
        return replace(result, pathway=self._pathway.version)

    def _earlier(self, referral: Referral, today: date) -> Iterator[date]:
        """The day of the proposal, which supported it as a rule, then each before today, the latest first."""
        drafted = referral.authored_at and referral.authored_at.astimezone(self._zone).date()
        if drafted and drafted < today:
            yield drafted
        for days in range(1, self._pathway.numbers.wake_within.value + 1):
            yield today - timedelta(days)
