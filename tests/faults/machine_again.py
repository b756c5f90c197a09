"""The same resources in another order: once quiet, the same decisions and the same open referrals."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from random import Random

from referral_service.core.moves import AGED
from referral_service.fhir.parse import parse
from referral_service.workflow.ingest import Change, Ingest
from referral_service.workflow.ports import DEFAULT_TENANT
from tests.faults.machine_charts import Json
from tests.faults.machine_gate import World, evaluates
from tests.faults.machine_stores import InMemory
from tests.faults.machine_truth import Truth
from tests.faults.machine_view import View
from tests.kit.clocks import HandClock
from tests.kit.judged import READER

_ALL = 50
Told = tuple[list[tuple[object, ...]], list[tuple[object, ...]]]


def arrives_otherwise(truth: Truth, view: View, at: datetime, seed: int) -> None:
    """What is stored now arrives anew at one instant: whole, and in pieces, in any order.

    A proposal that waits for a red flag does not count as open.
    Whoever was answered by people, or has evidence that aged, is not held against its own past.
    """
    current = [parse(it.body) for it in truth.resources.values() if it.body is not None]
    chance = Random(seed)
    pieces = list(_pieces(current, chance))
    at_once, bit_by_bit = _told(_settled([current], at)), _told(_settled(pieces, at))
    assert at_once == bit_by_bit, "another order, another answer"
    if not truth.answered and not _has_aged(view):
        assert _told(view) == at_once, "what was said before still speaks"


def _pieces(resources: Sequence[Json], chance: Random) -> Iterator[Sequence[Json]]:
    left = chance.sample(resources, len(resources))
    doubled = chance.sample(resources, len(resources) // 4)
    while left:
        size = chance.choice((1, 2, 5, 20))
        yield [*left[:size]]
        left = left[size:]
    for resource in doubled:
        yield [resource]


def _settled(requests: Sequence[Sequence[Json]], at: datetime) -> View:
    clock = HandClock(at)
    world = World(InMemory(clock), clock)
    ingest = Ingest(world.store, READER)
    for resources in requests:
        writes = ingest.writes(Change(resource=resource, path="") for resource in resources)
        stored = ingest.submit(DEFAULT_TENANT, writes, "Device/ehr").result()
        world.truth.committed(writes, stored)
        evaluates(world, _ALL)
    return world.store.view()


def _told(view: View) -> Told:
    decisions = [
        (id, e.region, e.decision.outcome, e.decision.target or "", sorted(e.decision.reasons))
        for id, one in view.patients.items()
        for e in one.episodes
        if e.is_open
    ]
    referrals = [
        (id, r.region or "", r.target, r.urgency, r.status)
        for id, r in view.referrals
        if r.target is not None and r.status == "draft"
    ]
    return sorted(decisions), sorted(referrals)


def _has_aged(view: View) -> bool:
    return any(
        set(e.decision.reasons) & AGED and e.is_open for it in view.patients.values() for e in it.episodes
    )
