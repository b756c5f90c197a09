"""Approved orders on their way to an EHR with every fault: is anything lost, doubled, or late in silence?

Several senders work on one database at once, and now and then one of them dies in the middle of a delivery,
before or after the other side has done its part. Time passes as the tests say; the EHR's own delays are over
before the next round.

So many at once, each time from a seed of their own. Run: python -m tests.faults.deliveries --orders 10000
[--seed N]
"""

import argparse
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from random import Random, SystemRandom
from typing import Any, NamedTuple

import structlog
from sqlalchemy import select

from referral_service.core.stage import stage
from referral_service.ehr.client import EhrClient
from referral_service.ehr.destination import FhirDestination
from referral_service.ehr.endpoint import Endpoint, Limits
from referral_service.fake_ehr.server import FakeEhr, Faults, serve
from referral_service.fhir.write.outgoing import Order
from referral_service.store import bodies
from referral_service.store.answers import Answers
from referral_service.store.messages import SqlOutbox
from referral_service.store.outside import message
from referral_service.store.tables import referral
from referral_service.workflow.courier import Courier
from referral_service.workflow.ports import DEFAULT_TENANT
from referral_service.workflow.read_back import There
from referral_service.workflow.review import Asked, Review
from referral_service.workflow.track import Track
from referral_service.workflow.transmit import Setting, Transmit
from tests.workflow.answers import NAMES
from tests.workflow.clinic import Clinic
from tests.workflow.delivery import QUIET, UTC, WITHIN, Ahead

FAULTS = Faults(
    busy=0.05,
    error_before=0.05,
    error_after=0.06,
    lost_answer=0.08,
    cut_request=0.05,
    html=0.03,
    slow_commit=0.04,
    racy=0.3,
    double=0.005,
    stale_search=0.1,
    slow_commit_seconds=0.02,
    stale_search_seconds=0.02,
    retry_after_seconds=0,
)
SENDERS = 3
_ROUNDS = 60
# An EHR of ours to play with looks through all that it has.
_AT_ONCE = 500
_DEATHS = 0.02
_APART = timedelta(minutes=16)


class Died(BaseException):
    """A sender that is no more; nothing catches it."""


class Mortal:
    """A destination whose sender dies now and then, before a call or after it."""

    def __init__(self, client: EhrClient, random: Random) -> None:
        self._destination = FhirDestination(client, 20)
        self._random = random
        self.deaths = 0

    def find(self, order: Order) -> There:
        self._die()
        return self._destination.find(order)

    def send(self, transaction: dict[str, Any]) -> dict[str, Any]:
        self._die()
        answer = self._destination.send(transaction)
        self._die()
        return answer

    def read(self, reference: str) -> dict[str, Any] | None:
        return self._destination.read(reference)

    def _die(self) -> None:
        if self._random.random() < _DEATHS:
            self.deaths += 1
            raise Died


class Report(NamedTuple):
    """What became of the orders; `struck` counts the faults that befell them."""

    orders: int
    arrived: int
    lost: list[str]
    doubled: list[str]
    unflagged: list[str]
    flagged: int
    tries: int
    deaths: int
    struck: Counter[str]

    @property
    def is_clean(self) -> bool:
        """Whether every order arrived once, or a person was told why not."""
        return not (self.lost or self.doubled or self.unflagged)


def run(folder: Path, orders: int, seed: int) -> Report:
    """So many orders, until nothing moves any more."""
    clinic, clock = Clinic(folder), Ahead()
    ehr = FakeEhr(faults=FAULTS, seed=seed)
    _approve(clinic, orders)
    with serve(ehr) as address:
        client = EhrClient(
            Endpoint(url=address, timeout_seconds=10),
            Limits(tries=1, failures=10**6, read_seconds=5),
        )
        outbox = SqlOutbox(clinic.engine, clock, 60, "fhir")
        mortal = Mortal(client, Random(seed))
        setting = Setting(NAMES, WITHIN, UTC, QUIET)
        transmit = Transmit(outbox, mortal, clinic.store.read, clock, setting)
        courier = Courier(outbox, transmit, Track(_no_desk(), clock, NAMES, WITHIN, UTC))
        tries = _deliver(courier, clock, ehr)
        client.close()
    report = _report(clinic, ehr, orders, tries, mortal.deaths)
    clinic.store.close()
    return report


def _no_desk() -> Any:
    """Nobody asks how an order fares here."""
    return None


def _approve(clinic: Clinic, orders: int) -> None:
    """So many patients with a red flag, whose proposals a person has approved."""
    for number in range(orders):
        clinic.post(
            {"condition": "G83.4", "onset": -3, "id": "flag"}, patient=f"p{number:05}", evaluate=False
        )
    clinic.evaluate()
    review = Review(Answers(clinic.engine, Ahead()), Ahead(), NAMES)
    with clinic.engine.connect() as connection:
        drafted = [bodies.referral(body).id for body in connection.scalars(select(referral.c.body))]
    for proposal in drafted:
        review.run(DEFAULT_TENANT, Asked("approve", "ServiceRequest", proposal, "Practitioner/nurse-7"))
    clinic.evaluate()


def _deliver(courier: Courier, clock: Ahead, ehr: FakeEhr) -> int:
    """Rounds of several senders, each until it finds nothing to do or dies; how many tries there were."""
    tries = 0

    def send() -> int:
        done = 0
        while True:
            try:
                ended = courier.deliver()
            except Died:
                continue  # another takes its place; what it held is another's once its lease is over
            done += len(ended)
            if not ended:
                return done

    with ThreadPoolExecutor(SENDERS) as executor:
        for _ in range(_ROUNDS):
            made = sum(executor.map(lambda _: send(), range(SENDERS)))
            tries += made
            ehr.settle()
            clock.pass_by(_APART)
            if not made:
                break
    return tries


def _report(clinic: Clinic, ehr: FakeEhr, orders: int, tries: int, deaths: int) -> Report:
    with clinic.engine.connect() as connection:
        kept = [bodies.referral(body) for body in connection.scalars(select(referral.c.body))]
        states = {row.id: row.state for row in connection.execute(select(message.c.id, message.c.state))}
    there: dict[str, list[int]] = {}
    for place, kind in enumerate(("ServiceRequest", "Task")):
        for one in ehr.stored(kind):
            for named in one.get("identifier", ())[:1]:
                there.setdefault(named["value"].removesuffix("|order"), [0, 0])[place] += 1
    approved = [one for one in kept if one.order]
    flagged = {one.identifier for one in approved if stage(one) == "failed"}
    arrived = [one for one in approved if one.fulfillment_status == "requested"]
    doubled = [key for key, found in there.items() if max(found) > 1 and key not in flagged]
    lost = [one.identifier for one in arrived if there.get(one.identifier) != [1, 1]]
    unflagged = [
        one.identifier
        for one in approved
        if one.fulfillment_status == "draft"
        and one.identifier not in flagged
        and states.get(one.order or "") != "sent"
    ]
    lost += [one.identifier for one in approved if one.order not in states]
    return Report(
        len(approved),
        len(arrived),
        lost + ["missing"] * (orders - len(approved)),
        doubled,
        unflagged,
        len(flagged),
        tries,
        deaths,
        ehr.happened,
    )


def main() -> int:
    """0 when every order arrived once, or a person was told."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.deliveries")
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    sizes = [min(_AT_ONCE, asked.orders - start) for start in range(0, asked.orders, _AT_ONCE)]
    return max(_tell(size, asked.seed + number) for number, size in enumerate(sizes))


def _tell(orders: int, seed: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        report = run(Path(folder), orders, seed)
    print(
        f"{report.orders:,} orders, {report.tries:,} tries, {report.deaths} senders died: "
        f"{report.arrived:,} arrived, {report.flagged} shown to people; "
        f"{len(report.lost)} lost, {len(report.doubled)} doubled, {len(report.unflagged)} late in silence",
        flush=True,
    )
    print(", ".join(f"{name} {number}" for name, number in sorted(report.struck.items())))
    if not report.is_clean:
        print(f"Again: python -m tests.faults.deliveries --orders {orders} --seed {seed}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
