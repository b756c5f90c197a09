"""Reaching people: by e-mail, webhook or pager, whatever Apprise knows. No message holds patient data."""

from collections.abc import Sequence

import structlog

_SINCE = ("just now", "5 minutes ago", "15 minutes ago", "30 minutes ago or more")
_log = structlog.get_logger(__name__)


class UnknownDestination(ValueError):
    """An address that Apprise does not know; the text names its place in the setting, never the address."""


class AppriseNotifier:
    """The port `Notifier`: the addresses of each rung; the last rung's also for those above it."""

    def __init__(self, rungs: Sequence[Sequence[str]]) -> None:
        """At least one rung, each with at least one address; raises UnknownDestination."""
        # it loads a hundred services, and only a worker with a ladder needs it
        from apprise import Apprise

        self._rungs = []
        for number, addresses in enumerate(rungs, 1):
            told = Apprise()
            for place, address in enumerate(addresses, 1):
                if not told.add(address):
                    raise UnknownDestination(f"rung {number}, address {place}: Apprise knows no such service")
            self._rungs.append(told)

    def tell(self, rung: int, number: int) -> bool:
        """Whether somebody of this rung (0 to 3) could be told that so many red flags wait."""
        waits = "possible emergency waits" if number == 1 else f"{number} possible emergencies wait"
        body = (
            f"A {waits}" if number == 1 else waits.capitalize()
        ) + f" on the spine referral worklist. First seen {_SINCE[rung]}; nobody has acknowledged it."
        is_told = bool(self._rungs[min(rung, len(self._rungs) - 1)].notify(title="Red flag", body=body))
        if not is_told:
            _log.error("nobody could be told of a red flag; it is tried again in a minute", rung=rung)
        return is_told
