"""Who came in, who left, who was not let in: on record before it is answered, and never without bound.

Whoever gets a token or a session is known, and leaves one line each time. Anybody may be refused, as often as
they like: of each tenant's refusals at one address so many have a line of their own, then one now and then,
which says how many have none. The log has them all.
"""

from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Final, NamedTuple

from starlette.requests import Request

from referral_service.api.fhir.audit import keep
from referral_service.api.limits import Buckets
from referral_service.auth.access import Rate
from referral_service.fhir.audit import AUDIT, LOGIN
from referral_service.store.store import SqlStore
from referral_service.workflow.ports import Happening, Tenant

# Refusals with a line of their own: at once, and then one each ten seconds; in each API process by itself.
REFUSALS: Final = Rate(per_second=0.1, burst=60)
_REFUSED: Final = 400


class Entry(NamedTuple):
    """What happened: whom it concerns (of what tenant), which of fhir.audit's it is, its outcome.

    `why` is a word of ours for what was refused; `patient` the one whose chart it is about.
    """

    tenant: Tenant
    actor: str
    did: str = LOGIN
    status: int = 200
    why: str = ""
    patient: str = ""


class Journal:
    """One for each application; without `is_audited` nothing is on record."""

    def __init__(self, store: SqlStore, is_audited: bool, now: Callable[[], float] = monotonic) -> None:
        """`now` is in seconds."""
        self._store = store
        self._is_audited = is_audited
        self._buckets = Buckets(REFUSALS, now)
        self._unsaid: Counter[tuple[Tenant, str]] = Counter()

    async def keep(self, request: Request, entry: Entry) -> None:
        """Durable when it returns; Problem if it cannot be."""
        address = request.client.host if request.client else "unknown"
        await self.tell(entry, address, request.url.path)

    async def tell(self, entry: Entry, address: str, asked: str) -> None:
        """The same for a request from that address to that one of ours."""
        if not self._is_audited:
            return
        detail = {"did": entry.did, "status": str(entry.status), "from": address, "asked": asked}
        if entry.status >= _REFUSED:
            place = (entry.tenant, asked)
            if self._buckets.wait(place):
                self._unsaid[place] += 1
                return
            self._buckets.take(place)
            detail |= {"why": entry.why}
            if unsaid := self._unsaid.pop(place, 0):
                detail |= {"unsaid": str(unsaid)}
        if entry.patient:
            detail |= {"patients": f" {entry.patient} "}
        line = Happening(AUDIT, entry.did, entry.actor, detail)
        await keep(self._store, entry.tenant, [line])
