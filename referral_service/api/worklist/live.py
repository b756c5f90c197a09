"""What stands on the red flags' list, told to open pages within seconds: server-sent events.

One look at the database a second for each process, however many pages are open; none while no page is.
"""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256

from starlette.concurrency import run_in_threadpool

from referral_service.core.problem import Problem
from referral_service.store.worklist import Worklist

_EVERY_SECONDS = 1.0
_ALIVE_SECONDS = 15.0
_MOST_FLAGS = 100


class Live:
    """Tells every open page that the red flags are others than before."""

    def __init__(self, worklist: Worklist) -> None:
        """Looks at nothing until somebody listens."""
        self._worklist = worklist
        self._state = ""
        # one for each change: a page that goes while it waits leaves nothing behind for the others
        self._changed = asyncio.Event()
        self._listeners = 0
        self._looking: asyncio.Task[None] | None = None

    async def events(self) -> AsyncIterator[str]:
        """The stream of one page: the state at once, then each change; a comment keeps it open."""
        self._listeners += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            told = ""
            while True:
                changed = self._changed
                if self._state and self._state != told:
                    told = self._state
                    yield f"event: red-flags\ndata: {told}\n\n"
                try:
                    await asyncio.wait_for(changed.wait(), _ALIVE_SECONDS)
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            self._listeners -= 1

    async def _look(self) -> None:
        while self._listeners:
            try:
                state = await run_in_threadpool(self._read)
            except Problem:
                state = self._state
            if state != self._state:
                self._state = state
                changed, self._changed = self._changed, asyncio.Event()
                changed.set()
            await asyncio.sleep(_EVERY_SECONDS)

    def _read(self) -> str:
        """A digest of the list: it changes with every red flag that comes, goes or is acknowledged.

        So it does when a Patient arrives after the flag, and a name with it. However many stand there: those
        that nobody has acknowledged are looked at first.
        """
        found = self._worklist.flags(_MOST_FLAGS)
        told = [
            (one.referral.task, one.referral.version, one.referral.acknowledged_by, one.person)
            for one in found
        ]
        return sha256(repr(told).encode()).hexdigest()[:16]
