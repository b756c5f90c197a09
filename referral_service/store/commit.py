"""Group commit: whoever waits is stored together, in one transaction with one wait for the disk.

Requests come from many threads; one thread writes. It takes what is waiting, and goes on taking as long as
more comes at once: the interpreter runs one thread at a time, so that a group begun beside the others would
take as long, and hold the database meanwhile. A sender who is alone waits for nobody. Measured: a sixth more
POSTs a second with eight clients. It answers when the transaction has ended.

A request that is refused changes nothing for its neighbours; if the database refuses the transaction, each
request is tried again by itself. A group of one tenant is held to that tenant's rows (store/tenancy.py); one
of several tenants, as only a busy moment brings it, to no one's.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock, Thread
from time import perf_counter, sleep
from typing import NamedTuple

from sqlalchemy import Engine

from referral_service.core.problem import Problem
from referral_service.store.dirt import Queue
from referral_service.store.failures import is_collision, is_disconnection, problem_of
from referral_service.store.plan import Plan
from referral_service.store.tenancy import ALL, serving
from referral_service.telemetry import COMMIT_SECONDS, RESOURCES_STORED
from referral_service.tracing import current_trace
from referral_service.workflow.ports import Clock, Happening, Stored, Tenant, Write

_MOST_WRITES = 1000
_TRIES = 3
_PATIENCE_SECONDS = 0.05  # then it looks no more; and before, if nobody came while other threads went first


class _Request(NamedTuple):
    tenant: Tenant
    writes: Sequence[Write]
    happenings: Sequence[Happening]
    trace: str | None
    future: "Future[list[Stored]]"


class Committer:
    """The one writer of received resources in this process."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        """Its thread starts with the first request."""
        self._engine = engine
        self._clock = clock
        self._queue = Queue()
        self._waiting: SimpleQueue[_Request | None] = SimpleQueue()
        self._changing = Lock()
        self._thread: Thread | None = None
        self._was_alone = True

    def submit(
        self, tenant: Tenant, writes: Sequence[Write], happenings: Sequence[Happening]
    ) -> "Future[list[Stored]]":
        """A future of the stored versions, done once they are durable; it raises Problem."""
        request = _Request(tenant, writes, happenings, current_trace(), Future())
        request.future.set_running_or_notify_cancel()  # whoever leaves does not undo what was begun
        with self._changing:
            if self._thread is None:
                self._thread = Thread(target=self._serve, name="group-commit", daemon=True)
                self._thread.start()
            self._waiting.put(request)
        return request.future

    def close(self) -> None:
        """Ends the thread once everything that waits is stored; what is submitted meanwhile has another."""
        with self._changing:
            if self._thread:
                self._waiting.put(None)
                self._thread.join()
                self._thread = None

    def _serve(self) -> None:
        while (first := self._waiting.get()) is not None:
            group, is_last = self._gather(first)
            self._commit(group)
            if is_last:
                return

    def _gather(self, first: _Request) -> tuple[list[_Request], bool]:
        group, size, seen = [first], len(first.writes), 0
        until = perf_counter() + _PATIENCE_SECONDS
        while size < _MOST_WRITES and len(group) > seen and perf_counter() < until:
            if seen or not self._was_alone:
                sleep(0)  # the other threads go first
            seen = len(group)
            while size < _MOST_WRITES and not self._waiting.empty():
                if (request := self._waiting.get()) is None:
                    return group, True
                group.append(request)
                size += len(request.writes)
        self._was_alone = len(group) == 1
        return group, False

    def _commit(self, group: list[_Request], tries: int = _TRIES) -> None:
        try:
            answers = self._transact(group)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, and the thread must live on
            if len(group) > 1 and not is_disconnection(error):
                for request in group:
                    self._commit([request])
            elif tries > 1 and is_collision(error):
                self._commit(group, tries - 1)
            else:
                _refuse(group, problem_of(error))
        else:
            for request, answer in zip(group, answers, strict=True):
                _answer(request, answer)

    def _transact(self, group: list[_Request]) -> list[list[Stored] | Problem]:
        started = perf_counter()
        answers: list[list[Stored] | Problem] = []
        tenants = {it.tenant for it in group}
        with serving(tenants.pop() if len(tenants) == 1 else ALL), self._engine.begin() as connection:
            plan = Plan(connection, self._clock.now(), self._queue)
            plan.look_up(
                (it.tenant, write.type, write.id) for it in group for write in it.writes if not write.is_first
            )
            for request in group:
                try:
                    answers.append(
                        plan.apply(request.tenant, request.writes, request.happenings, request.trace)
                    )
                except Problem as refusal:
                    answers.append(refusal)
            plan.flush()
        COMMIT_SECONDS.observe(perf_counter() - started)
        return answers


def _answer(request: _Request, answer: list[Stored] | Problem) -> None:
    if isinstance(answer, Problem):
        request.future.set_exception(answer)
        return
    for kind, number in Counter(stored.type for stored in answer if stored.is_new).items():
        RESOURCES_STORED.labels(kind).inc(number)
    request.future.set_result(answer)


def _refuse(group: list[_Request], refusal: Problem) -> None:
    for request in group:
        request.future.set_exception(refusal)
