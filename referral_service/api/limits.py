"""How much one client and one tenant may ask for: token buckets, in each API process by itself.

What may hold a red flag is never held up. Whether a write does is known once it was read, so a write beyond
the limit is read and understood, and refused then unless something in it is pressing. Everything else is
refused at the door. People's pages are not counted: whoever answers red flags works there.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from time import monotonic
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from referral_service.api.errors import on_problem
from referral_service.auth.access import Limits, Rate
from referral_service.auth.principal import Principal
from referral_service.core.problem import Category, Issue, Problem
from referral_service.fhir.search.table import TAKEN_IN

# Clients that were silent longest are forgotten, which gives them a full bucket.
_MOST_KNOWN: Final = 10_000
_WITH_ID: Final = 2


def busy(wait_seconds: float) -> Problem:
    """429, with Retry-After."""
    sentence = "Too many requests; ask again after the seconds that Retry-After says."
    return Problem(Category.BUSY, Issue("throttled", sentence), wait_seconds=wait_seconds)


class Buckets:
    """One bucket for each name, all of one rate. A bucket may owe up to what it holds when full."""

    def __init__(self, rate: Rate, now: Callable[[], float] = monotonic) -> None:
        """`now` is in seconds."""
        self._rate = rate
        self._now = now
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def wait(self, name: Hashable) -> float:
        """The seconds until one more may be taken; 0 if one may be now."""
        return max(0.0, (1.0 - self._level(name)) / self._rate.per_second)

    def take(self, name: Hashable, cost: int = 1) -> None:
        """Takes so many, whether they are there or not."""
        level = max(self._level(name) - cost, -float(self._rate.burst))
        self._levels[name] = (level, self._now())
        self._levels.move_to_end(name)
        if len(self._levels) > _MOST_KNOWN:
            self._levels.popitem(last=False)

    def _level(self, name: Hashable) -> float:
        level, at = self._levels.get(name, (float(self._rate.burst), 0.0))
        return min(level + (self._now() - at) * self._rate.per_second, float(self._rate.burst))


class Limit:
    """The middleware; it stands inside Guard. Without limits everything goes through."""

    def __init__(self, app: ASGIApp, limits: Limits | None) -> None:
        """`app` is everything inside."""
        self._app = app
        self._clients = Buckets(limits.client) if limits else None
        self._tenants = Buckets(limits.tenant) if limits else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI; `wait_seconds` tells the interaction that it is beyond the limit, `charge` counts entries."""
        if self._clients is None or self._tenants is None or not _is_counted(scope):
            await self._app(scope, receive, send)
            return
        principal: Principal = scope["principal"]
        places = ((self._clients, (principal.tenant, principal.actor)), (self._tenants, principal.tenant))

        def charge(cost: int) -> None:
            for buckets, name in places:
                buckets.take(name, cost)

        wait = max(buckets.wait(name) for buckets, name in places)
        if wait and not _may_be_pressing(scope):
            scope["interaction"] = "/fhir"
            response = await on_problem(Request(scope), busy(wait))
            await response(scope, receive, send)
            return
        if wait:
            scope["wait_seconds"] = wait
        else:
            charge(1)
            scope["charge"] = charge
        await self._app(scope, receive, send)


def _is_counted(scope: Scope) -> bool:
    is_fhir = scope["type"] == "http" and f"{scope['path']}/".startswith("/fhir/")
    return is_fhir and not scope["path"].endswith(("/metadata", "/smart-configuration"))


def _may_be_pressing(scope: Scope) -> bool:
    """Whether it is a write of what is taken in, alone or in a Bundle."""
    segments = [one for one in scope["path"].split("/")[2:] if one]
    if not segments:
        return bool(scope["method"] == "POST")
    is_write = (scope["method"], len(segments)) in {("POST", 1), ("PUT", 1), ("PUT", _WITH_ID)}
    return is_write and segments[0] in TAKEN_IN
