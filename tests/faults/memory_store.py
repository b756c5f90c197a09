"""The ports Store, Inbox and Desk in memory: what they promise, said as plainly as can be.

For one thread at a time. Each method works everything out before it changes anything, so that it happens
whole or not at all. The SQL store is held against this one, answer by answer.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from itertools import takewhile
from random import uniform

from referral_service.core.problem import Category, Problem, problem
from referral_service.store.ledger import Verdict
from referral_service.workflow.ports import (
    DEFAULT_TENANT,
    Chart,
    Claim,
    Clock,
    Happening,
    PatientId,
    Referral,
    Result,
    Stored,
    Tenant,
    Write,
)
from referral_service.workflow.review import Answered, Opened
from tests.faults.memory_queue import MOST_ATTEMPTS, Dirt, Owner, Patient, Queue
from tests.faults.memory_resources import Planned, Resources

_SERVICE = "Device/referral-service"


class MemoryStore:
    """All there is: `resources`, the `queue` of patients with what is remembered of them, the `ledger`."""

    def __init__(self, clock: Clock, lease_seconds: int = 60) -> None:
        """A lease lasts `lease_seconds` of the clock's `now`."""
        self.resources = Resources()
        self.queue = Queue()
        self.ledger: dict[Tenant, list[Happening]] = {}
        self._clock = clock
        self._lease = timedelta(seconds=lease_seconds)
        self._is_drained = False

    # Store and Inbox: senders

    def submit(
        self, tenant: Tenant, writes: Sequence[Write], happenings: Sequence[Happening]
    ) -> "Future[list[Stored]]":
        """As `commit`; done at once."""
        future: Future[list[Stored]] = Future()
        try:
            future.set_result(self.commit(tenant, writes, happenings))
        except Problem as refusal:
            future.set_exception(refusal)
        return future

    def commit(
        self, tenant: Tenant, writes: Sequence[Write], happenings: Sequence[Happening]
    ) -> list[Stored]:
        """All or nothing; whoever a new version speaks of is due, once a version."""
        planned, mark = self._to_commit(tenant, writes, happenings)
        self._keep(tenant, planned, happenings)
        self.queue.mark(*mark)
        return [it.answer for it in planned]

    def give_up_commit(
        self, tenant: Tenant, writes: Sequence[Write], happenings: Sequence[Happening]
    ) -> None:
        """As `commit`, given up at its very end."""
        self.queue.lose_turns(*self._to_commit(tenant, writes, happenings)[1])

    def _to_commit(
        self, tenant: Tenant, writes: Sequence[Write], happenings: Sequence[Happening]
    ) -> tuple[list[Planned], tuple[datetime, str, dict[Owner, Dirt]]]:
        now = self._clock.now()
        planned = self.resources.plan(tenant, writes, now)
        dirt: dict[Owner, Dirt] = {}
        for write, it in zip(writes, planned, strict=True):
            for patient in it.owners if write.facts is not None or write.is_deleted else ():
                changes, is_pressing = dirt.get((tenant, patient), (0, False))
                dirt[tenant, patient] = Dirt(changes + 1, is_pressing or write.is_pressing)
        return planned, (_milliseconds(now), happenings[0].actor if happenings else "", dirt)

    def read(self, tenant: Tenant, type: str, id: str, version: int | None = None) -> Stored | None:
        """The current or the given version."""
        return self.resources.read((tenant, type, id), version)

    # Store: workers

    def claim(self, limit: int, as_of: datetime) -> list[Claim]:
        """Counts the attempt. Whoever has failed before is claimed alone, and parked after the last."""
        if self._is_drained:
            return []
        now = self._clock.now()
        found = self.queue.due(limit, now, as_of)
        able = [one for one in found if one.attempts < MOST_ATTEMPTS]
        for one in found:
            if one.attempts >= MOST_ATTEMPTS:
                self._park(one, "fault")
        taken = list(takewhile(lambda one: one.attempts == 0, able)) or able[:1]
        for one in taken:
            one.token += 1
            one.attempts += 1
            one.leased_until = now + self._lease
        return [Claim(one.tenant, one.id, one.token, one.changes, now + self._lease) for one in taken]

    def renew(self, claims: Sequence[Claim]) -> None:
        """Those whose token is still the newest."""
        for claim in claims:
            if one := self._held(claim):
                one.leased_until = self._clock.now() + self._lease

    def load(self, claims: Sequence[Claim]) -> list[Chart]:
        """Current facts, and what is remembered."""
        owners = [self.queue.patients[claim.tenant, claim.patient] for claim in claims]
        return [
            Chart(
                claim=claim,
                facts=tuple(self.resources.facts(claim.tenant, claim.patient)),
                episodes=tuple(one.episodes[key] for key in sorted(one.episodes)),
                referrals=tuple(one.referrals[task] for task in sorted(one.referrals)),
            )
            for claim, one in zip(claims, owners, strict=True)
        ]

    def save(self, results: Sequence[Result]) -> list[bool]:
        """Each by itself: what one is refused for is nothing to its neighbours."""
        return [self._save(result) for result in results]

    def fail(self, claim: Claim, category: str) -> bool:
        """The next attempt comes a little later, and after the last none."""
        one = self._held(claim)
        if one is None:
            return False
        if one.attempts >= MOST_ATTEMPTS:
            self._park(one, category)
            return True
        one.leased_until = self._clock.now() + timedelta(seconds=2**one.attempts * uniform(0.5, 1.5))
        return False

    # Desk: people

    def open(self, tenant: Tenant, type: str, id: str) -> Opened | None:
        """The referral that has this resource."""
        for one in self.queue.patients.values():
            for referral in one.referrals.values():
                keys = _resources(referral)
                if one.tenant == tenant and (type, id) in keys:
                    found = {key: self.read(tenant, *key) for key in keys}
                    return Opened(one.id, referral, {key: it for key, it in found.items() if it})
        return None

    def answer(self, tenant: Tenant, answered: Answered) -> list[Stored]:
        """Void unless the referral is still what was read; an answer is seen at once."""
        one = self.queue.patients.get((tenant, answered.patient))
        task = answered.before.task
        if one is None or one.referrals.get(task) != answered.before:
            raise problem(Category.CONFLICT, "It was changed at the same moment; read it again.")
        now = self._clock.now()
        planned = self.resources.plan(tenant, answered.writes, now)
        self._keep(tenant, planned, answered.happenings)
        one.referrals[task] = answered.after
        self.queue.mark(now, "", {(tenant, one.id): Dirt(1, True)})
        return [it.answer for it in planned]

    # What operators do

    def drain(self, actor: str = "service") -> bool:
        """Nobody is claimed until `resume`."""
        return self._switch(True, Happening("drained", _SERVICE, actor))

    def resume(self, actor: str = "service") -> bool:
        """Workers may claim again."""
        return self._switch(False, Happening("resumed", _SERVICE, actor))

    def retry(self, tenant: Tenant, patients: Sequence[PatientId], actor: str) -> list[PatientId]:
        """Makes those that are parked due, though nothing about them is new."""
        named = {(tenant, id): self.queue.patients.get((tenant, id)) for id in sorted(patients)}
        parked = [one for one in named.values() if one and one.parked_at]
        detail = {one.id: {"category": one.parked_category} for one in parked}
        self._tell(tenant, [Happening("retried", f"Patient/{id}", actor, detail[id]) for id in detail])
        dirt = {(tenant, one.id): Dirt(0, False) for one in parked}
        self.queue.mark(self._clock.now(), actor, dirt, is_lone=True)
        return [one.id for one in parked]

    def release(self) -> None:
        """Ends every lease."""
        for one in self.queue.patients.values():
            one.leased_until = None

    def is_anybody_due(self, as_of: datetime) -> bool:
        """Whether a claim would find somebody."""
        return not self._is_drained and bool(self.queue.due(1, self._clock.now(), as_of))

    def verify_ledger(self, tenant: Tenant) -> Verdict:
        """Nobody else can reach these lines."""
        return Verdict(len(self.ledger.get(tenant, ())), None)

    def close(self) -> None:
        """Nothing is held."""

    def _held(self, claim: Claim) -> Patient | None:
        one = self.queue.patients.get((claim.tenant, claim.patient))
        return one if one and one.token == claim.token else None

    def _keep(self, tenant: Tenant, planned: Sequence[Planned], happenings: Iterable[Happening]) -> None:
        """What did not change, did not happen."""
        self.resources.keep(tenant, planned)
        unchanged = {it.subject for it in planned} - {it.subject for it in planned if it.is_new}
        self._tell(tenant, [it for it in happenings if it.subject not in unchanged])

    def _tell(self, tenant: Tenant, lines: Iterable[Happening]) -> None:
        self.ledger.setdefault(tenant, []).extend(lines)

    def _switch(self, is_drained: bool, line: Happening) -> bool:
        is_change = self._is_drained != is_drained
        self._is_drained = is_drained
        if is_change:
            self._tell(DEFAULT_TENANT, [line])
        return is_change

    def _park(self, one: Patient, category: str) -> None:
        one.place, one.leased_until, one.parked_at = None, None, self._clock.now()
        one.parked_category = category
        self._tell(one.tenant, [Happening("parked", f"Patient/{one.id}", "service", {"category": category})])

    def _save(self, result: Result) -> bool:
        tenant, one = result.claim.tenant, self._held(result.claim)
        if one is None:
            return False
        referrals = one.referrals | {it.task: it for it in result.referrals}
        try:
            planned = self.resources.plan(tenant, result.writes, self._clock.now())
        except Problem:
            planned = None
        if planned is None or one.changes != result.claim.changes:
            one.leased_until = None
            return False
        if not self._may_stand(one, referrals.values()):
            self.fail(result.claim, "conflict")
            return False
        self._keep(tenant, planned, result.happenings)
        one.referrals = referrals
        one.episodes |= {it.key: it for it in result.episodes}
        one.place, one.leased_until, one.attempts = None, None, 0
        one.wake_at, one.asked_at = result.wake_at, result.as_of
        return True

    def _may_stand(self, one: Patient, referrals: Iterable[Referral]) -> bool:
        """Whether no identifier is given twice, and at most one is open of what there may be one of."""
        proposals = [it for it in referrals if it.target is not None]
        others = [it for it in self.queue.patients.values() if it.tenant == one.tenant and it is not one]
        given = [it.identifier for other in others for it in other.referrals.values() if it.target]
        given += [it.identifier for it in proposals]
        drafts = [it for it in proposals if it.status == "draft"]
        opened = [(it.region, it.target) if it.urgency == "elective" else "urgent" for it in drafts]
        return len(set(given)) == len(given) and len(set(opened)) == len(opened)


def _resources(referral: Referral) -> list[tuple[str, str]]:
    """Of a review that is no proposal's, its Task alone."""
    requests = [referral.id, referral.order] if referral.target is not None else []
    named = [("ServiceRequest", id) for id in requests]
    named += [("Task", id) for id in (referral.task, referral.fulfillment)]
    return [(type, id) for type, id in named if id]


def _milliseconds(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
