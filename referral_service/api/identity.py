"""New ids: version 4 UUIDs, drawn many at once.

A system call for each would give up the interpreter to the storing thread, and wait for it to come back.
Those drawn together begin alike and come in order, so that what is stored at one time is on few pages of an
index; more than 60 bits of each stay its own.
"""

import os
from threading import Lock
from uuid import UUID

_SIZE, _ALIKE = 16, 6
_AT_ONCE = 256
_lock = Lock()
_drawn: list[str] = []


def mint() -> str:
    """A new id, unpredictable, never twice."""
    with _lock:
        if not _drawn:
            _drawn.extend(_draw())
        return _drawn.pop()


def _draw() -> list[str]:
    start, own = os.urandom(_ALIKE), _SIZE - _ALIKE
    pool = os.urandom(own * _AT_ONCE)
    parts = (pool[at : at + own] for at in range(0, len(pool), own))
    return sorted((str(UUID(bytes=start + part, version=4)) for part in parts), reverse=True)
