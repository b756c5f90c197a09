"""Faults to order: how often each happens, decided by a seeded random source."""

from collections import Counter
from collections.abc import Iterator
from random import Random
from threading import Lock
from typing import Annotated, Any, Final

import msgspec

from referral_service.fake_ehr.answer import FLAWLESS, Flaws

# How a request ends otherwise than it should; at most one of them befalls it.
ENDINGS: Final = (
    "busy",  # 429 with Retry-After, nothing done
    "error-before",  # 5xx, nothing done
    "error-after",  # done, then 5xx
    "lost-answer",  # done, then the connection is cut without an answer
    "cut-request",  # the connection is cut, nothing done
    "html",  # 200 with a page of HTML, nothing done
    "slow-commit",  # a write: 504 at once, and done a little later
)
# What goes wrong inside, each by itself: the answer looks as it should.
FLAWS: Final = (
    "racy",  # a conditional write does not see what was written just before
    "double",  # a Bundle's new resources are stored twice
    "stale-search",  # a search does not show what was written just before
    "drop-order",  # new resources lose their identifiers
)
SHARED: Final = ("latency", *ENDINGS, *FLAWS)
_ERRORS: Final = (500, 502, 503, 504)
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class Faults(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The share of requests, from 0 to 1, that each fault befalls; then how long each lasts, in seconds.

    `only`: none but requests of these kinds (see `routes.ROUTES`), all without. `most`: so many requests at
    most, any number without. Raises ValueError for shares that cannot be.
    """

    latency: Share = 0.0
    busy: Share = 0.0
    error_before: Share = 0.0
    error_after: Share = 0.0
    lost_answer: Share = 0.0
    cut_request: Share = 0.0
    html: Share = 0.0
    slow_commit: Share = 0.0
    racy: Share = 0.0
    double: Share = 0.0
    stale_search: Share = 0.0
    drop_order: Share = 0.0
    latency_seconds: tuple[float, float] = (0.1, 0.5)
    retry_after_seconds: int = 1
    slow_commit_seconds: float = 0.5
    racy_seconds: float = 0.3
    stale_search_seconds: float = 0.5
    only: tuple[str, ...] = ()
    most: int | None = None

    def __post_init__(self) -> None:
        """Shares are parts of a whole, those of the endings together too."""
        if not all(0 <= self.share(name) <= 1 for name in SHARED):
            raise ValueError("a share is a number from 0 to 1")
        if sum(map(self.share, ENDINGS)) > 1 + 1e-9:
            raise ValueError(f"the shares of {', '.join(ENDINGS)} add up to more than 1")

    def share(self, name: str) -> float:
        """The share of the fault with that name."""
        found: float = getattr(self, name.replace("-", "_"))
        return found


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """What befalls one request: an ending ("" for none), seconds to wait first, and flaws of the work.

    `error` is the status of an ending that has one.
    """

    ending: str = ""
    error: int = 500
    delay_seconds: float = 0.0
    flaws: Flaws = FLAWLESS


class Dice:
    """Draws for each request; `counts` says how often each fault has happened."""

    def __init__(self, faults: Faults, seed: int) -> None:
        """The same seed and the same order of requests give the same faults."""
        self.counts: Counter[str] = Counter()
        self._random = Random(f"{seed}/faults")  # noqa: S311 - chance that can be repeated is wanted
        self._lock = Lock()
        self.order(faults)

    @property
    def faults(self) -> Faults:
        """Those in force."""
        return self._faults

    def order(self, faults: Faults) -> None:
        """From now on these, counted anew for `most`."""
        with self._lock:
            self._faults = faults
            self._left = faults.most

    def draw(self, kind: str, is_write: bool) -> Drawn:
        """What befalls the next request, which is of that kind."""
        with self._lock:
            faults, random = self._faults, self._random
            # as many numbers for each request, so that one fault's share does not move the others
            chances = {name: random.random() for name in ("ending", "latency", *FLAWS)}
            error, span = random.choice(_ERRORS), random.uniform(*faults.latency_seconds)
            if (faults.only and kind not in faults.only) or self._left == 0:
                return Drawn()
            ending = self._ending(chances["ending"], is_write)
            happening = {name for name in ("latency", *FLAWS) if chances[name] < faults.share(name)}
            drawn = Drawn(
                ending=ending,
                error=504 if ending == "slow-commit" else error,
                delay_seconds=span if "latency" in happening else 0.0,
                flaws=Flaws(**dict(self._flaws(happening))),
            )
            self._note({ending, *happening} - {""})
            return drawn

    def _ending(self, chance: float, is_write: bool) -> str:
        for name in ENDINGS:
            chance -= self._faults.share(name)
            if chance < 0:
                return name if is_write or name != "slow-commit" else ""
        return ""

    def _flaws(self, happening: set[str]) -> Iterator[tuple[str, Any]]:
        if "racy" in happening:
            yield "racy_seconds", self._faults.racy_seconds
        if "stale-search" in happening:
            yield "stale_seconds", self._faults.stale_search_seconds
        yield "is_double", "double" in happening
        yield "is_order_dropped", "drop-order" in happening

    def _note(self, happened: set[str]) -> None:
        self.counts.update(happened)
        if happened and self._left is not None:
            self._left -= 1
