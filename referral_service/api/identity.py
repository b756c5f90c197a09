"""New ids: version 4 UUIDs, the randomness drawn for many at once.

A system call for each would give up the interpreter to the storing thread, and wait for it to come back.
"""

import os
from threading import Lock
from uuid import UUID

_SIZE = 16
_AT_ONCE = 256
_lock = Lock()
_drawn: list[bytes] = []


def mint() -> str:
    """A new id, unpredictable, never twice."""
    with _lock:
        if not _drawn:
            pool = os.urandom(_SIZE * _AT_ONCE)
            _drawn.extend(pool[at : at + _SIZE] for at in range(0, len(pool), _SIZE))
        return str(UUID(bytes=_drawn.pop(), version=4))
