"""What must be true of the store, kept apart from it: it hears of each call that the store carries out."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from referral_service.core.referral import OPEN
from referral_service.core.saying import says
from referral_service.workflow.ports import DEFAULT_TENANT, Claim, Result, Stored, Tenant, Write
from referral_service.workflow.review import Answered, Asked
from tests.faults.machine_view import Name, Standing, View
from tests.kit.clocks import HandClock

MOST_ATTEMPTS = 5
# The statuses of a proposal, or of a review that is no proposal's, in which each verb may be said.
_MAY_BE_SAID = {"withdraw": {"draft", "on-hold", "completed"}}
# What the service writes of its own accord.
EMITTED = {"GuidanceResponse", "ServiceRequest", "Task", "DetectedIssue", "Provenance"}


class Known(NamedTuple):
    """A received resource as its sender last had it acknowledged; without a body once it is deleted."""

    version: int
    patient: str | None
    body: bytes | None


class Truth:
    """Counts and remembers; `check` compares."""

    def __init__(self, clock: HandClock) -> None:
        """Of an empty store."""
        self.resources: dict[Name, Known] = {}
        self.versions: dict[tuple[str, str, int], bytes] = {}
        self.changes: Counter[str] = Counter()
        self.decided: Counter[str] = Counter()
        self.attempts: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()
        self.held: dict[str, datetime] = {}
        self.orders: dict[str, str] = {}
        self.answered: set[str] = set()
        self.declined: dict[tuple[str, str, str | None], str] = {}
        self.retried: set[str] = set()
        self._clock = clock

    def committed(self, writes: Sequence[Write], stored: Sequence[Stored]) -> None:
        """A request was stored: each write is a new version of its own, or was there already."""
        for write, one in zip(writes, stored, strict=True):
            name = (write.type, write.id)
            known = self.resources.get(name, Known(0, None, None))
            body = None if write.is_deleted else write.body
            is_new = known.version == 0 or known.body != body
            version = known.version + is_new
            is_created = known.body is None and not write.is_deleted
            said = (one.version, one.is_new, one.is_created)
            assert said == (version, is_new, is_created), f"{write.type} is in the wrong version"
            if is_new:
                patient = known.patient if write.is_deleted else write.patient
                self.resources[name] = Known(version, patient, body)
                self.versions[*name, version] = body or b""
                for owner in {known.patient, patient} - {None}:
                    self._changed(owner or "")

    def claimed(self, claims: Sequence[Claim]) -> list[Claim]:
        """Patients were leased to a worker: one that nobody holds, with a token that nobody had."""
        for claim in claims:
            until = self.held.get(claim.patient)
            assert until is None or until <= self._clock.now(), "two workers hold one patient"
            assert claim.token > self.tokens[claim.patient], "a token was given twice"
            assert claim.changes == self.changes[claim.patient]
            assert self.attempts[claim.patient] < MOST_ATTEMPTS, "claimed once too often"
            assert len(claims) == 1 or not self.attempts[claim.patient], "a danger to its neighbours"
            self.tokens[claim.patient] = claim.token
            self.attempts[claim.patient] += 1
            self.held[claim.patient] = claim.until
        return list(claims)

    def renewed(self, claims: Sequence[Claim], until: datetime) -> None:
        """Leases that held go on."""
        for claim in claims:
            if claim.token == self.tokens[claim.patient] and claim.patient in self.held:
                self.held[claim.patient] = until

    def saved(self, results: Sequence[Result], verdicts: Sequence[bool]) -> list[bool]:
        """Results were offered: one counts if nobody else took the patient and nothing came between."""
        for result, is_accepted in zip(results, verdicts, strict=True):
            patient, token, changes = result.claim.patient, result.claim.token, result.claim.changes
            is_held = token == self.tokens[patient]
            assert is_accepted == (is_held and changes == self.changes[patient]), "a stale result counts"
            if is_held:
                self.held.pop(patient, None)
            if is_accepted:
                self.decided[patient] = changes
                self.retried.discard(patient)
                self._follows(patient, result)
                self.attempts[patient] = 0
        return list(verdicts)

    def _follows(self, patient: str, result: Result) -> None:
        """After a decline there is no new draft until the answer differs."""
        for one in result.episodes:
            for key in [it for it in self.declined if it[:2] == (patient, one.key)]:
                if self.declined[key] != says(one.decision):
                    del self.declined[key]
        for draft in [it for it in result.referrals if it.status in OPEN]:
            before = self.declined.get((patient, draft.episode, draft.target))
            assert before != draft.decision, "what was declined comes back"

    def left(self, claims: Sequence[Claim]) -> None:
        """A batch has ended as it should: everybody was saved or given back."""
        for claim in claims:
            is_held = claim.token == self.tokens[claim.patient] and claim.patient in self.held
            assert not is_held, "a batch has ended, and somebody is still held"

    def failed(self, claim: Claim, is_parked: bool) -> bool:
        """An attempt ended badly."""
        is_held = claim.token == self.tokens[claim.patient]
        assert is_parked == (is_held and self.attempts[claim.patient] >= MOST_ATTEMPTS)
        if is_held:
            self.held.pop(claim.patient, None)
        return is_parked

    def tried_again(self, patients: Sequence[str]) -> None:
        """Operators have brought back who was parked."""
        for patient in patients:
            assert self.attempts[patient] >= MOST_ATTEMPTS, "parked before its time"
            self.attempts[patient] = 0
            self.retried.add(patient)

    def answer_stored(self, asked: Asked, answered: Answered) -> None:
        """A person's answer counts."""
        before = answered.before
        assert before.status in _MAY_BE_SAID.get(asked.verb, {"draft"}), f"{asked.verb} in a wrong state"
        self._changed(answered.patient)
        self.answered.add(answered.patient)
        if asked.verb == "decline" and before.urgency == "elective":
            self.declined[answered.patient, before.episode, before.target] = before.decision
        if asked.verb == "approve":
            assert answered.after.order and not before.order
            self.orders[answered.after.order] = asked.actor
        else:
            assert answered.after.order == before.order, "nobody approved, but there is an order"

    def _changed(self, patient: str) -> None:
        self.changes[patient] += 1
        self.attempts[patient] = 0

    def check(self, view: View) -> None:
        """Everything that must be true after every step."""
        for name, known in self.resources.items():
            kept = view.resources.get(name)
            assert kept is not None, f"{name[0]} is lost"
            found = Known(kept.version, kept.patient, None if kept.is_deleted else kept.body)
            assert found == known, f"{name[0]} is not as it was acknowledged"
        for type, id in view.resources.keys() - self.resources.keys():
            assert type in EMITTED, f"{type}/{id} was sent by nobody"
        for id, one in view.patients.items():
            self._check_patient(id, one)
        given = {one.order for _, one in view.referrals if one.order}
        assert given == self.orders.keys(), "an order that nobody approved, or an approval without its order"

    def check_versions(self, read: Callable[[Tenant, str, str, int], Stored | None]) -> None:
        """Every version that was ever acknowledged can be read."""
        for (type, id, number), body in self.versions.items():
            found = read(DEFAULT_TENANT, type, id, number)
            assert found is not None and found.body == body, f"a version of a {type} is lost"

    def _check_patient(self, id: str, one: Standing) -> None:
        assert (one.token, one.changes) == (self.tokens[id], self.changes[id])
        assert one.attempts == self.attempts[id] <= MOST_ATTEMPTS
        is_due = self.changes[id] != self.decided[id] or id in self.retried
        assert one.is_parked or one.is_dirty == is_due, "a change is lost"
        assert not (one.is_parked and one.is_dirty)
