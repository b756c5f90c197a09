"""The database's numbers as Prometheus's families. None carries an id or a value of a patient's."""

from collections.abc import Iterable
from itertools import accumulate

import msgspec
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What the store holds, over all tenants and processes. `sweep_age_seconds` is None before any sweep.

    `referrals` by status, target and urgency; `oldest_unsent` in seconds by destination; of `stages` how many
    stand there, and how many of them are overdue; `tallies` by name and label, as store/tally.py counts them.
    """

    patients_due: int
    patients_due_urgent: int
    patients_parked: int
    oldest_due_seconds: float
    leases_held: int
    sweep_age_seconds: float | None
    workers_active: int
    referrals: dict[tuple[str, str, str], int]
    oldest_red_flag_seconds: float
    oldest_unsent: dict[str, float]
    tallies: dict[str, dict[str, int]]
    errands_due: int = 0
    errands_parked: int = 0
    oldest_errand_seconds: float = 0.0
    orders_stopped: int = 0
    subscriptions_failed: int = 0
    stages: dict[str, tuple[int, int]] = {}


_GAUGES = {
    "patients_due": "Patients waiting for an evaluation.",
    "patients_due_urgent": "Those who come first: a red flag may be new, or a person has answered.",
    "patients_parked": "Patients that failed too often.",
    "oldest_due_seconds": "How long the longest waiting patient has waited.",
    "leases_held": "Patients that a worker is looking at.",
    "sweep_age_seconds": "Time since any worker last looked whether somebody is due.",
    "workers_active": "Workers that have looked within a minute.",
    "oldest_red_flag_seconds": "How long the oldest red flag that nobody acknowledged has waited.",
    "errands_due": "What is to be fetched from other systems, polls that are due included.",
    "errands_parked": "What could not be fetched, or was refused.",
    "orders_stopped": "Approved orders that nobody tries to send again before a person has looked.",
    "subscriptions_failed": "Subscriptions of partners that were given up.",
    "oldest_errand_seconds": "How long the oldest errand has waited that is not parked.",
}
_COUNTERS = {
    "attempts": "Evaluations begun.",
    "attempts_failed": "Evaluations that failed.",
    "emergency_accesses": "Times that somebody out of one patient's chart opened another in an emergency.",
    "leases_expired": "Leases that ran out with their worker, so that another took the patient.",
}
SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
BUCKETS = (*map(str, SECONDS), "+Inf")
MICROSECONDS = "microseconds"  # the label under which durations are summed up
_DECISION_SECONDS = "Time from the first data that made a patient due to the decision saved."


class Stored(Collector):
    """The counts as metrics."""

    def __init__(self, counts: Counts) -> None:
        """Counts of one moment: a collector is made for each scrape."""
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        """One family a measure."""
        counts = self._counts
        for name, said in _GAUGES.items():
            value = getattr(counts, name)
            if value is not None:
                yield GaugeMetricFamily(name, said, value)
        unsent = GaugeMetricFamily(
            "oldest_unsent_seconds", "How long the oldest approved order is unsent.", labels=["destination"]
        )
        for destination, seconds in sorted(counts.oldest_unsent.items()):
            unsent.add_metric([destination], seconds)
        yield unsent
        yield from self._stages()
        yield self._referrals()
        for name, said in _COUNTERS.items():
            yield CounterMetricFamily(name, said, sum(counts.tallies.get(name, {}).values()))
        yield self._evaluations()
        yield self._incoming()
        yield self._decision_seconds()

    def _stages(self) -> Iterable[Metric]:
        standing = GaugeMetricFamily("stage_referrals", "Referrals on each list.", labels=["stage"])
        late = GaugeMetricFamily("stage_overdue", "Those of them that are overdue.", labels=["stage"])
        for stage, (number, overdue) in self._counts.stages.items():
            standing.add_metric([stage], number)
            late.add_metric([stage], overdue)
        return standing, late

    def _referrals(self) -> Metric:
        family = GaugeMetricFamily(
            "referrals",
            "Proposals and reviews that wait for a human, and orders that wait to be sent.",
            labels=["status", "target", "urgency"],
        )
        for (status, target, urgency), number in sorted(self._counts.referrals.items()):
            family.add_metric([status, target or "review", urgency], number)
        return family

    def _evaluations(self) -> Metric:
        family = CounterMetricFamily("evaluations", "Decisions saved.", labels=["outcome", "pathway"])
        for label, number in sorted(self._counts.tallies.get("evaluations", {}).items()):
            outcome, _, pathway = label.partition(" ")
            family.add_metric([outcome, pathway], number)
        return family

    def _incoming(self) -> Metric:
        said = "What other systems told of, or what was fetched from them, by what became of it."
        family = CounterMetricFamily("incoming", said, labels=["source", "result"])
        for label, number in sorted(self._counts.tallies.get("incoming", {}).items()):
            source, _, result = label.partition(" ")
            family.add_metric([source, result], number)
        return family

    def _decision_seconds(self) -> Metric:
        tallied = self._counts.tallies.get("decision_seconds", {})
        family = HistogramMetricFamily("decision_seconds", _DECISION_SECONDS)
        within = accumulate(tallied.get(bucket, 0) for bucket in BUCKETS)
        buckets = list(zip(BUCKETS, within, strict=True))
        family.add_metric([], buckets, tallied.get(MICROSECONDS, 0) / 1e6)
        return family
