"""Holds every ledger of a store against itself and against what was sealed; keeps little of it in memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import msgspec
from joserfc.jwk import OKPKey

from referral_service import seal
from referral_service.seal import Refused, Seal
from referral_service.store.store import SqlStore

_BATCH = 500
_SHOWN = 20


class Audited(msgspec.Struct):
    """One tenant's ledger: how many lines hold, which is the first that does not, and what its seals say."""

    tenant: str
    lines: int = 0
    broken_at: int | None = None
    last: Seal | None = None
    lost: Seal | None = None  # the earliest that is no line of the ledger

    def hold(self, seals: Sequence[Seal], missing: Sequence[Seal]) -> None:
        """Takes seals of this tenant, and those of them that are no line of its ledger."""
        self.last = max(seals if self.last is None else (self.last, *seals), key=lambda it: (it.seq, it.at))
        if missing:
            self.lost = min(missing if self.lost is None else (self.lost, *missing), key=lambda it: it.seq)
            self.broken_at = min(self.lost.seq, self.lines + 1)

    @property
    def verdict(self) -> str:
        """In words, with the number of the first line that is known to be broken or gone."""
        if self.broken_at is None:
            return "holds"
        if self.lost and self.lost.seq <= self.lines:
            return f"broken at line {self.broken_at} or before: another line was sealed there"
        if self.lost:
            return f"broken at line {self.broken_at}: it was sealed up to line {self.lost.seq}"
        return f"broken at line {self.broken_at}"


class Exported(msgspec.Struct):
    """A file of seals as it is when this is made: what is added later may be newer than what is verified."""

    file: Path
    size: int
    refused: int = 0
    refusals: list[Refused] = []  # the first of them

    @classmethod
    def of(cls, file: Path) -> "Exported":
        """The file as it is now."""
        return cls(file, file.stat().st_size)

    def seals(self, keys: Mapping[str, OKPKey]) -> Iterator[Seal]:
        """Every seal; what is none is counted."""
        for line in seal.read(self.file, self.size, keys):
            if isinstance(line, Seal):
                yield line
                continue
            self.refused += 1
            if self.refused <= _SHOWN:
                self.refusals.append(line)


def audit(store: SqlStore, progress: Callable[[int], None]) -> dict[str, Audited]:
    """Recomputes the chain of every tenant; `progress` hears of lines done."""
    found: dict[str, Audited] = {}
    for tenant in store.ledger_tenants():
        verdict = store.verify_ledger(tenant, progress)
        found[tenant] = Audited(tenant, verdict.lines, verdict.broken_at)
    return found


def compare(store: SqlStore, seals: Iterable[Seal], found: dict[str, Audited]) -> None:
    """Holds seals against the ledgers that were found, and against those that there should be."""
    left = iter(seals)
    while batch := list(islice(left, _BATCH)):
        missing = store.missing_heads(batch)
        for tenant in {it.tenant for it in batch}:
            audited = found.setdefault(tenant, Audited(tenant))
            audited.hold(
                [it for it in batch if it.tenant == tenant], [it for it in missing if it.tenant == tenant]
            )
