"""Episodes: one patient, one region, the chain of conditions that overlap in time.

Source: pathway section 1 (episode) and section 4 (`qualifying-condition`).
"""

from collections.abc import Callable
from typing import NamedTuple

from referral_service.core.dates import ENDLESS, Horizon, last_within
from referral_service.core.record import DENIED, REGIONS, Record, qualifies
from referral_service.core.timeline import Condition, Meaning

ACTIVE = frozenset({"active", "recurrence", "relapse"})


class Spell(NamedTuple):
    """One condition in time; `end` is the last day that it lasted, for what overlaps."""

    condition: Condition
    start: int
    end: int
    is_active: bool


class Episode(NamedTuple):
    """A chain of conditions of one region. It is open while one of them is active."""

    region: str
    start: int
    spells: tuple[Spell, ...]

    @property
    def is_open(self) -> bool:
        """Whether a condition of the chain is active."""
        return any(spell.is_active for spell in self.spells)


def start_of(condition: Condition) -> int | None:
    """The day of onset, else of recording."""
    when = condition.onset or condition.recorded
    return when.day if when else None


def is_ended(condition: Condition, horizon: Horizon) -> bool:
    """Abated or resolved; inactive or in remission it is not. A dated end counts from its day on."""
    if condition.abated is not None:
        return horizon.has_come(condition.abated.day)
    return condition.is_abated or condition.clinical == "resolved"


def is_active(condition: Condition, horizon: Horizon, months: int) -> bool:
    """Not ended, said to be active, or without a status and recorded (else begun) within `months` months."""
    rests = condition.abated is None and condition.clinical is not None and condition.clinical not in ACTIVE
    if rests or is_ended(condition, horizon):
        return False
    written = condition.recorded or condition.onset
    if condition.clinical is None and written:
        return horizon.still(last_within(written.day, months))
    return True


def has_begun(condition: Condition, horizon: Horizon) -> bool:
    """Whether its onset, else its recording, has come. Without either it has."""
    start = start_of(condition)
    return start is None or horizon.has_come(start)


def spell_of(condition: Condition, horizon: Horizon, months: int) -> Spell | None:
    """The condition as it stands on the day asked for; None before it begins or when nothing dates it."""
    start = start_of(condition)
    if start is None or not horizon.has_come(start):
        return None
    if is_active(condition, horizon, months):
        return Spell(condition, start, ENDLESS, True)
    if condition.abated is not None:
        end = condition.abated.day
    elif condition.clinical is None and not condition.is_abated:
        written = condition.recorded or condition.onset
        end = last_within(written.day, months) if written else start
    else:
        # It lasted at least until it was written down; for how long after, nobody says.
        written = condition.recorded
        end = written.day if written and horizon.has_come(written.day) else start
    return Spell(condition, start, max(start, end), False)


def episodes(record: Record, horizon: Horizon) -> dict[str, list[Episode]]:
    """The episodes of each region that ever had one, oldest first; only the last can be open."""
    months = record.pathway.numbers.active_without_status.value
    by_region: dict[str, list[Spell]] = {}
    for condition in record.confirmed:
        regions = {m.region for m in condition.meanings if m.region and qualifies(m)}
        if regions and (spell := spell_of(condition, horizon, months)):
            for region in regions:
                by_region.setdefault(region, []).append(spell)
    return {region: _chains(region, by_region[region]) for region in REGIONS if region in by_region}


def _chains(region: str, spells: list[Spell]) -> list[Episode]:
    spells.sort(key=lambda spell: (spell.start, spell.end, spell.condition.source))
    chains: list[list[Spell]] = []
    end = 0
    for spell in spells:
        if chains and spell.start <= end:
            chains[-1].append(spell)
            end = max(end, spell.end)
        else:
            chains.append([spell])
            end = spell.end
    return [Episode(region, chain[0].start, tuple(chain)) for chain in chains]


def regionless(record: Record, horizon: Horizon, wanted: Callable[[Meaning], bool]) -> list[Spell]:
    """Confirmed conditions of a wanted meaning that name no region, as they stand on the day asked for."""
    months = record.pathway.numbers.active_without_status.value
    found = []
    for condition in record.confirmed:
        meant = any(map(wanted, condition.meanings)) and not any(m.region for m in condition.meanings)
        if meant and (spell := spell_of(condition, horizon, months)):
            found.append(spell)
    return found


def closing_reasons(record: Record, horizon: Horizon) -> tuple[str, ...]:
    """Why nobody's episode is open: `resolved`, else `refuted`, else `region-unspecified`, else `none`."""
    months = record.pathway.numbers.active_without_status.value
    spine = [c for c in record.all_conditions if any(map(qualifies, c.meanings))]
    begun = [c for c in spine if has_begun(c, horizon)]
    confirmed = [c for c in begun if c.verification in (None, "confirmed")]
    if any(not is_active(c, horizon, months) for c in confirmed):
        return ("resolved",)
    if any(c.verification in DENIED for c in begun):
        return ("refuted",)
    return ("region-unspecified",) if confirmed else ("none",)
