"""The Store of workflow/ports.py in one SQL database."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from referral_service.core.timeline import AnyFact
from referral_service.measures import Counts
from referral_service.store import claims, coding, duty, ledger, reading, repair, results
from referral_service.store import counts as counting
from referral_service.store.commit import Committer
from referral_service.store.engine import is_migrated, migrate, writing
from referral_service.store.engine import reading as snapshot
from referral_service.store.failures import is_collision, problem_of
from referral_service.store.turns import Turns
from referral_service.workflow.ports import (
    Chart,
    Claim,
    Clock,
    Happening,
    PatientId,
    Result,
    Stored,
    Tenant,
    Write,
)


class SqlStore:
    """The port `Store`, and what operators and replay read besides. Safe to use from several threads."""

    def __init__(self, engine: Engine, clock: Clock, lease_seconds: int = 60, worker: str = "") -> None:
        """`engine` comes from `store.engine.connect`; a lease lasts `lease_seconds` of real time.

        `worker` is the name of the process that claims.
        """
        self.engine = engine
        self._clock = clock
        self._worker = worker
        self._lease = timedelta(seconds=lease_seconds)
        self._committer = Committer(engine, clock)
        self.turns = Turns(engine)

    def commit(
        self, tenant: Tenant, writes: Sequence[Write], happenings: Sequence[Happening]
    ) -> list[Stored]:
        """Stores all or nothing, durable on return; raises Problem. One answer a write, in their order."""
        return self.submit(tenant, writes, happenings).result()

    def submit(
        self, tenant: Tenant, writes: Sequence[Write], happenings: Sequence[Happening]
    ) -> "Future[list[Stored]]":
        """As `commit`, without waiting: what awaits it need not hold a thread."""
        return self._committer.submit(tenant, writes, happenings)

    def read(self, tenant: Tenant, type: str, id: str, version: int | None = None) -> Stored | None:
        """The current or the given version; a deleted one has `is_deleted`."""
        with snapshot(self.engine) as connection:
            return reading.read(connection, tenant, type, id, version)

    def claim(self, limit: int, as_of: datetime) -> list[Claim]:
        """Leases up to `limit` patients that are due; counts the attempt."""
        try:
            return self._claim(limit, as_of)
        except DBAPIError as error:
            if not is_collision(error):
                raise problem_of(error) from error
        # whoever writes of several patients of one person may have been in the way
        with writing(self.engine) as connection:
            return claims.claim(connection, limit, as_of, self._new_lease())

    def _claim(self, limit: int, as_of: datetime) -> list[Claim]:
        with self.engine.begin() as connection:
            return claims.claim(connection, limit, as_of, self._new_lease())

    def renew(self, held: Sequence[Claim]) -> None:
        """Makes leases that still hold last as long again, from now."""
        with writing(self.engine) as connection:
            claims.renew(connection, held, self._new_lease())

    def looked(self) -> None:
        """Keeps for operators that this worker has looked whether somebody is due."""
        with writing(self.engine) as connection:
            duty.looked(connection, self._worker, self._clock.now())

    def left(self) -> None:
        """Keeps for operators that this worker has ended in order."""
        with writing(self.engine) as connection:
            duty.left(connection, self._worker)

    def reads_by(self, codes: str) -> None:
        """Keeps for operators by which codes this process reads resources."""
        with writing(self.engine) as connection:
            coding.note(connection, codes, self._clock.now())

    def is_read_otherwise(self, codes: str) -> bool:
        """Whether something that is stored may have been read by other codes than these."""
        with snapshot(self.engine) as connection:
            return coding.is_otherwise(connection, codes)

    def reads_latest_by(self, codes: str) -> bool:
        """Whether these are the codes of the process that began last to read resources, or none has begun."""
        with snapshot(self.engine) as connection:
            return coding.is_latest(connection, codes)

    def was_reread(self, codes: str) -> None:
        """Keeps for operators that everything that is stored was read by these codes."""
        with writing(self.engine) as connection:
            coding.settle(connection, codes)

    def drain(self, actor: str = "service") -> bool:
        """Lets no worker claim anybody until `resume`; says whether one could. What is held is finished."""
        with writing(self.engine) as connection:
            return repair.drain(connection, self._clock.now(), actor)

    def resume(self, actor: str = "service") -> bool:
        """Lets workers claim again; says whether they could not."""
        with writing(self.engine) as connection:
            return repair.resume(connection, self._clock.now(), actor)

    def retry(self, tenant: Tenant, patients: Sequence[PatientId], actor: str) -> list[PatientId]:
        """Makes those of some hundred patients that are parked due again; says who was."""
        with writing(self.engine) as connection:
            return repair.retry(connection, tenant, patients, self._clock.now(), actor)

    def _new_lease(self) -> claims.Lease:
        return claims.Lease(self._lease, self._clock.now(), self._worker)

    def is_anybody_due(self, as_of: datetime) -> bool:
        """Whether a claim would find somebody; waits for no writer."""
        with snapshot(self.engine) as connection:
            return claims.is_anybody_due(connection, self._clock.now(), as_of)

    def load(self, claims: Sequence[Claim]) -> list[Chart]:
        """What evaluating these patients needs, in their order."""
        with snapshot(self.engine) as connection:
            return reading.load(connection, claims)

    def save(self, results: Sequence[Result]) -> list[bool]:
        """Accepts each result whose token still holds and whose patient has not changed since.

        One that the database itself refuses counts as a failed attempt; its neighbours are saved.
        """
        try:
            return self._save(results)
        except DBAPIError as error:
            if not is_collision(error):
                raise problem_of(error) from error
            return [self._save_alone(result) for result in results]

    def _save_alone(self, result: Result) -> bool:
        try:
            return self._save([result])[0]
        except DBAPIError as error:
            if not is_collision(error):
                raise problem_of(error) from error
            self.fail(result.claim, "conflict")
            return False

    def _save(self, found: Sequence[Result]) -> list[bool]:
        with self.engine.begin() as connection:
            return results.save(connection, found, self._clock.now())

    def fail(self, claim: Claim, category: str) -> bool:
        """Gives the lease back after a failure; parks after the fifth, and says whether it did."""
        with writing(self.engine) as connection:
            return claims.fail(connection, claim, category, self._clock.now())

    def release(self) -> None:
        """Ends every lease: a worker died, and whoever it held is due at once."""
        with writing(self.engine) as connection:
            claims.release(connection)

    def facts_of(
        self, tenant: Tenant, patient: PatientId, known_at: datetime | None = None
    ) -> tuple[AnyFact, ...]:
        """What was known about a patient at an instant (None: what is known), for replay."""
        with snapshot(self.engine) as connection:
            return reading.facts_of(connection, tenant, patient, known_at)

    def counts(self) -> Counts:
        """What is due, parked and open, over all tenants; fails when the database cannot be read."""
        with snapshot(self.engine) as connection:
            return counting.counts(connection, self._clock.now(), self._clock.as_of())

    def verify_ledger(
        self, tenant: Tenant, progress: Callable[[int], None] = lambda lines: None
    ) -> ledger.Verdict:
        """Whether every line of a tenant's ledger still holds; `progress` hears of lines done."""
        with snapshot(self.engine) as connection:
            return ledger.verify(connection, tenant, progress)

    def ledger_tenants(self) -> list[Tenant]:
        """Whoever has a ledger."""
        with snapshot(self.engine) as connection:
            return list(ledger.tenants(connection))

    def ledger_heads(self) -> list[ledger.Head]:
        """The last line of each tenant's ledger."""
        with snapshot(self.engine) as connection:
            return ledger.heads(connection)

    def missing_heads(self, heads: Sequence[ledger.AnyHead]) -> list[ledger.AnyHead]:
        """Those of some hundred earlier heads that their ledger does not have any more."""
        with snapshot(self.engine) as connection:
            return ledger.missing(connection, heads)

    def migrate(self) -> None:
        """Brings the schema to this version's."""
        migrate(self.engine)

    def is_migrated(self) -> bool:
        """Whether the schema is this version's."""
        return is_migrated(self.engine)

    def close(self) -> None:
        """Stores what waits, and closes every connection."""
        self._committer.close()
        self.turns.close()
        self.engine.dispose()
