"""What files say of each patient, version by version: the newest counts, whoever it is about by then.

Files come in any order, and so do their versions. A deletion without an instant stands where it was read.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from referral_service.cli.charts import Gone
from referral_service.core.timeline import AnyFact, Unused

_LATER = timedelta(milliseconds=1)
_LAST = datetime.max.replace(tzinfo=UTC)
_Said = dict[str | None, list[AnyFact]]


class Histories:
    """Every version read, of every resource."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self._charts: dict[str, list[AnyFact]] = {}
        self._versions: dict[str, _Said] = {}
        self._gone: list[tuple[str, datetime]] = []

    def take(self, patient: str | None, facts: Iterable[AnyFact]) -> None:
        """Facts of one version, and whose they are, if it says so."""
        for fact in facts:
            self._versions.setdefault(fact.source, {}).setdefault(patient, []).append(fact)
            if patient:
                self._charts.setdefault(patient, []).append(fact)

    def delete(self, gone: Gone) -> None:
        """Nothing is said any more; earlier knowledge stays askable."""
        known = [fact.known_at for said in self._versions.get(gone.source, {}).values() for fact in said]
        if gone.at:
            self._gone.append((gone.source, datetime.fromisoformat(gone.at)))
        elif known:
            dated = [at for at in known if at]
            self._gone.append((gone.source, max(dated) + _LATER if dated else _LAST))

    def charts(self) -> dict[str, list[AnyFact]]:
        """The facts of each patient, in the order in which they were first read of."""
        for source, at in self._gone:
            for patient in self._versions.get(source, {}):
                self._silence(
                    patient, Unused(source=source, version="deleted", known_at=at, reason="deleted")
                )
        for source, said in self._versions.items():
            for patient, facts in said.items() if len(said) > 1 else ():
                self._leave(source, patient, facts)
        return self._charts

    def _leave(self, source: str, patient: str | None, facts: Iterable[AnyFact]) -> None:
        """A version about one patient, or about none, says nothing more about the others."""
        for fact in facts:
            moved = Unused(
                source=source, version=fact.version, known_at=fact.known_at, reason="other-patient"
            )
            for other in self._versions[source]:
                if other != patient:
                    self._silence(other, moved)

    def _silence(self, patient: str | None, unused: Unused) -> None:
        if patient:
            self._charts[patient].append(unused)
