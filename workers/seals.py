"""Seals of the ledger: a worker signs each head that has moved, at most once a minute, to a file."""

from time import monotonic

import structlog

from referral_service import seal
from referral_service.settings import Settings
from referral_service.store.ledger import Head
from referral_service.store.store import SqlStore
from referral_service.workflow.ports import Clock

_EVERY_SECONDS = 60.0

_log = structlog.get_logger(__name__)


class Seals:
    """Several workers may share the file. A failure is said once, and is nobody else's."""

    def __init__(
        self, settings: Settings, store: SqlStore, clock: Clock, every: float = _EVERY_SECONDS
    ) -> None:
        """Reads and makes nothing yet; `every` is in seconds."""
        self._settings = settings
        self._store = store
        self._clock = clock
        self._every = every
        self._tried = -every
        self._sealed: dict[str, Head] = {}
        self._fails = False

    def export(self, *, is_last: bool = False) -> None:
        """Seals what has moved since the last time, unless that is less than a minute ago."""
        if not is_last and monotonic() - self._tried < self._every:
            return
        self._tried = monotonic()
        try:
            self._export()
        except Exception as error:  # noqa: BLE001 - patients are evaluated whatever becomes of this
            if not self._fails:
                _log.error("the ledger's heads cannot be sealed", exc_info=error)
            self._fails = True
        else:
            if self._fails:
                _log.info("the ledger's heads are sealed again")
            self._fails = False

    def _export(self) -> None:
        moved = [it for it in self._store.ledger_heads() if self._sealed.get(it.tenant) != it]
        if not moved:
            return
        key = seal.own_key(self._settings.ledger_key)
        seal.publish(key, self._settings.ledger_public_key)
        at = self._clock.now()
        seals = [seal.Seal(head.tenant, head.seq, head.hash, at) for head in moved]
        seal.append(self._settings.ledger_heads, key, seals)
        self._sealed.update({head.tenant: head for head in moved})
