"""One after another, over every process on one database: whoever looks something up before writing it.

PostgreSQL keeps the turns as advisory locks, which end with the connection however that ends. For SQLite they
are locks on single bytes of a file beside the database's, which end with the process however that ends.
"""

import fcntl
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from time import monotonic, sleep
from typing import BinaryIO, Final

from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from referral_service.core.problem import Category, problem
from referral_service.store.failures import problem_of

# So many turns there are for one process, whose requests wait for each other without asking here.
PLACES: Final = 64
_MOST = 8  # requests at once that hold turns; others wait, a little
_WAIT_SECONDS = 10
_LOOK_AGAIN_SECONDS = 0.005
# One statement, so that two that want the same turns take them in the same order.
_TAKE = text("SELECT pg_advisory_xact_lock(turn) FROM unnest(CAST(:turns AS bigint[])) AS turn")
GiveBack = Callable[[], None]


class Turns:
    """Those of one process. Of its own requests only one at a time may ask for turns that are the same
    modulo PLACES."""

    def __init__(self, engine: Engine) -> None:
        """`engine` is the store's."""
        self._kept: _Advisory | _Bytes | None = None
        if engine.dialect.name == "postgresql":
            self._kept = _Advisory(engine.url)
        elif engine.url.database:
            self._kept = _Bytes(Path(f"{engine.url.database}-turns"))

    def take(self, turns: Sequence[int]) -> GiveBack:
        """Waits for these (64 bits each), in ascending order; what it returns is to be called, once.

        Raises Problem when that takes too long.
        """
        return self._kept.take(turns) if self._kept and turns else lambda: None

    def close(self) -> None:
        """Lets go of what is held."""
        if self._kept:
            self._kept.close()


class _Advisory:
    """Connections of its own: whoever holds a turn needs another connection to get on with its work."""

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_size=_MOST,
            max_overflow=0,
            pool_timeout=_WAIT_SECONDS,
            connect_args={"connect_timeout": 5, "options": f"-c lock_timeout={_WAIT_SECONDS}s"},
        )

    def take(self, turns: Sequence[int]) -> GiveBack:
        try:
            connection = self._engine.connect()
        except (DBAPIError, PoolTimeout) as error:
            raise problem_of(error) from error
        try:
            connection.execute(_TAKE, {"turns": sorted(turns)})
        except DBAPIError as error:
            connection.close()
            raise problem_of(error) from error
        return connection.close

    def close(self) -> None:
        self._engine.dispose()


class _Bytes:
    """One open file, because closing any would end every lock that the process has on it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opening = Lock()
        self._file: BinaryIO | None = None

    def take(self, turns: Sequence[int]) -> GiveBack:
        with self._opening:
            self._file = self._file or self._path.open("ab")
        file, taken = self._file, list[int]()

        def give_back() -> None:
            for place in taken:
                fcntl.lockf(file, fcntl.LOCK_UN, 1, place)

        until = monotonic() + _WAIT_SECONDS
        for place in sorted({turn % PLACES for turn in turns}):
            while not _is_mine(file, place):
                if monotonic() > until:
                    give_back()
                    raise problem(Category.UNAVAILABLE, "Another process is busy with the same just now.")
                sleep(_LOOK_AGAIN_SECONDS)
            taken.append(place)
        return give_back

    def close(self) -> None:
        if self._file:
            self._file.close()


def _is_mine(file: BinaryIO, place: int) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
    except (BlockingIOError, PermissionError):  # whichever the system has for it
        return False
    return True
