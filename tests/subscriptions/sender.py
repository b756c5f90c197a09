"""One look for whom to tell, as a process of its own: `python -m tests.subscriptions.sender DATABASE`."""

import sys

from referral_service.clock import SystemClock
from referral_service.ehr.subscribers import Subscribers
from referral_service.store.engine import connect
from referral_service.store.outlets import SqlOutlets
from referral_service.workflow.announce import Announce
from tests.subscriptions.conftest import LEASE_SECONDS


def main(database: str) -> None:
    """Tells one subscriber, and ends."""
    clock = SystemClock()
    outlets = SqlOutlets(connect(database), clock, LEASE_SECONDS)
    announce = Announce(outlets, Subscribers((), is_open=True), clock, "http://127.0.0.1/fhir")
    outing = announce.claim()
    assert outing is not None, "somebody is to be told"
    announce.run(outing)


if __name__ == "__main__":
    main(sys.argv[1])
