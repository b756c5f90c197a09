"""One after another, over every process on one database: whoever looks something up before writing it.

PostgreSQL keeps the turns as advisory locks, which end with the connection however that ends. On SQLite there
is one API process, which keeps its own.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from referral_service.store.failures import problem_of

_MOST = 8  # requests at once that hold turns; others wait, a little
_WAIT_SECONDS = 10
# One statement, so that two that want the same turns take them in the same order.
_TAKE = text("SELECT pg_advisory_xact_lock(turn) FROM unnest(CAST(:turns AS bigint[])) AS turn")


class Turns:
    """Connections of its own: whoever holds a turn needs another connection to get on with its work."""

    def __init__(self, engine: Engine) -> None:
        """`engine` is the store's."""
        self._engine: Engine | None = None
        if engine.dialect.name == "postgresql":
            self._engine = create_engine(
                engine.url,
                hide_parameters=True,
                pool_pre_ping=True,
                pool_size=_MOST,
                max_overflow=0,
                pool_timeout=_WAIT_SECONDS,
                connect_args={"connect_timeout": 5, "options": f"-c lock_timeout={_WAIT_SECONDS}s"},
            )

    @property
    def are_shared(self) -> bool:
        """Whether there may be other processes to wait for."""
        return self._engine is not None

    def take(self, turns: Sequence[int]) -> Connection | None:
        """Waits for these (64 bits each), in ascending order; what it returns is to be given back.

        Raises Problem when that takes too long.
        """
        if self._engine is None or not turns:
            return None
        try:
            connection = self._engine.connect()
        except (DBAPIError, PoolTimeout) as error:
            raise problem_of(error) from error
        try:
            connection.execute(_TAKE, {"turns": sorted(turns)})
        except DBAPIError as error:
            connection.close()
            raise problem_of(error) from error
        return connection

    def give_back(self, taken: Connection | None) -> None:
        """The next one may go on."""
        if taken is not None:
            taken.close()

    def close(self) -> None:
        """Lets go of the database."""
        if self._engine is not None:
            self._engine.dispose()
