"""Tells subscribers of changes, in the background; each notification is tried a few times."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import httpx

from referral_service.fake_ehr.answer import Refused
from referral_service.fake_ehr.later import Later
from referral_service.fake_ehr.manners import Manners
from referral_service.fake_ehr.notification import Call, body, bundle, call, is_backport, is_meant, queries
from referral_service.fake_ehr.store import Store, Version, Write

Json = dict[str, Any]
_TRIES: Final = 3
_WAIT_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 5.0


class Notifier:
    """Listens to a store. `counts`: notifications delivered, and those given up."""

    def __init__(self, store: Store, manners: Manners, address: Callable[[], str]) -> None:
        """`address` is the FHIR server's own, for what refers to it."""
        self.later = Later()
        self.counts: Counter[str] = Counter()
        self._store = store
        self._manners = manners
        self._address = address
        self._numbers: Counter[str] = Counter()
        store.listen(self._heard)

    def heartbeat(self, id: str) -> None:
        """Tells the subscriber of a backport Subscription, by its id, that it is still looked after."""
        subscription = self._store.latest("Subscription", id)
        assert subscription is not None
        self._send(subscription, bundle(subscription, "heartbeat", self._numbers[id], self._address()))

    def _heard(self, versions: Sequence[Version]) -> None:
        for version in versions:
            if version.type == "Subscription":
                if (version.resource or {}).get("status") == "requested":
                    self.later.call(0, partial(self._begin, version))
            elif version.resource is not None:
                self._tell(version)

    def _begin(self, asked: Version) -> None:
        """A Subscription becomes active, or `error` if its handshake or its criteria are in vain."""
        assert asked.resource is not None
        is_good = _is_possible(asked.resource)
        if is_good and is_backport(asked.resource):
            handshake = bundle(asked, "handshake", 0, self._address())
            is_good = _deliver(call(asked, handshake, self._manners))
        with self._store.lock:
            if self._store.latest(asked.type, asked.id) == asked:
                resource = {**asked.resource, "status": "active" if is_good else "error"}
                self._store.commit([Write(asked.type, asked.id, resource)])

    def _tell(self, event: Version) -> None:
        for one in self._store.find("Subscription"):
            said = one.resource or {}
            if said["status"] == "active" and is_meant(said, event):
                self._numbers[one.id] += 1
                self._send(one, body(one, event, self._numbers[one.id], self._address()))

    def _send(self, subscription: Version, content: Json | None) -> None:
        asked = call(subscription, content, self._manners)
        self.later.call(0, partial(self._try, asked, 1))

    def _try(self, asked: Call, number: int) -> None:
        if _deliver(asked):
            self.counts["delivered"] += 1
        elif number < _TRIES:
            self.later.call(_WAIT_SECONDS, partial(self._try, asked, number + 1))
        else:
            self.counts["given-up"] += 1


def _deliver(asked: Call) -> bool:
    try:
        return httpx.request(
            asked.method,
            asked.url,
            headers=asked.headers,
            content=asked.body,
            timeout=_PATIENCE_SECONDS,
        ).is_success
    except httpx.HTTPError:
        return False


def _is_possible(subscription: Json) -> bool:
    channel = subscription["channel"]
    try:
        queries(subscription)
    except Refused:
        return False
    return channel["type"] == "rest-hook" and "endpoint" in channel
