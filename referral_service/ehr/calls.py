"""A call of the other side: login, circuit breaker, retries of what is safe to repeat, one deadline.

A call that fails leaves one line in the log, which names the category of the problem and no more.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final, TypeVar

import httpx
import structlog
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_before_delay
from tenacity.wait import wait_exception, wait_random_exponential

from referral_service.core.problem import Category, Problem
from referral_service.ehr.breaker import Breaker, Resting
from referral_service.ehr.connection import Answer, Connection, Sending, chunks
from referral_service.ehr.endpoint import Endpoint, Limits
from referral_service.ehr.failures import Unauthorized
from referral_service.ehr.login import Login
from referral_service.ehr.transport import Deadline

# UNAVAILABLE says that nothing can have arrived.
_REPEATED_ALWAYS: Final = frozenset({Category.UNAVAILABLE})
_REPEATED_IF_SAFE: Final = _REPEATED_ALWAYS | {Category.INTERRUPTED, Category.BUSY}
_LONGEST_BACKOFF_SECONDS: Final = 5.0

_T = TypeVar("_T")
_Ask = Callable[[Sending, str, Deadline], _T]
_log = structlog.get_logger(__name__)


class Calls:
    """Whatever we ask of one endpoint; safe for many threads. Every failure is a Problem."""

    def __init__(self, endpoint: Endpoint, limits: Limits) -> None:
        """Nothing is connected yet; raises a FORBIDDEN problem where an address of it cannot be used."""
        self._endpoint = endpoint
        self._limits = limits
        self._connection = Connection(endpoint, limits)
        self._login = Login(endpoint, self._connection)
        self._breaker = Breaker(limits.failures, limits.rest_seconds)

    def address(self, text: object, base: httpx.URL | None = None) -> httpx.URL:
        """The address that `text` is, seen from `base`; raises a FORBIDDEN problem unless it may be asked."""
        return self._connection.allowed.address(text, base)

    def send(self, sending: Sending) -> Answer:
        """The answer, a success. Only a GET is sent again once it may have arrived."""
        return self._repeated(sending, self._connection.exchange)

    @contextmanager
    def stream(self, sending: Sending, *, with_token: bool = True) -> Iterator[Iterator[bytes]]:
        """An answer's body in chunks, of any size and duration; the retries end where it begins."""
        with closing(self._repeated(sending, self._connection.open, with_token)) as response:
            yield chunks(response)

    def close(self) -> None:
        """Closes every connection."""
        self._connection.close()

    def _repeated(self, sending: Sending, ask: _Ask[_T], with_token: bool = True) -> _T:
        deadline = Deadline(self._endpoint.timeout_seconds)
        again = _REPEATED_IF_SAFE if sending.is_safe else _REPEATED_ALWAYS
        retrying = Retrying(
            retry=retry_if_exception(lambda error: _is_among(again, error)),
            wait=wait_random_exponential(self._limits.backoff_seconds, max=_LONGEST_BACKOFF_SECONDS)
            + wait_exception(_told_wait),
            stop=stop_after_attempt(self._limits.tries) | stop_before_delay(deadline.left()),
            reraise=True,
        )
        try:
            answer: _T = retrying(self._attempt, sending, ask, deadline, with_token)
            return answer
        except Problem as error:
            _log.warning("a call of the other side failed", category=error.category.name.lower())
            raise

    def _attempt(self, sending: Sending, ask: _Ask[_T], deadline: Deadline, with_token: bool) -> _T:
        with self._breaker.call():
            token = self._login.token(deadline) if with_token else ""
            try:
                return ask(sending, token, deadline)
            except Unauthorized:
                # It was not done, so that even a write may go once more, with a new token.
                if not with_token or not self._login.gives_up(token):
                    raise
            return ask(sending, self._login.token(deadline), deadline)


def _is_among(categories: frozenset[Category], error: BaseException) -> bool:
    return isinstance(error, Problem) and not isinstance(error, Resting) and error.category in categories


def _told_wait(error: BaseException) -> float:
    return (isinstance(error, Problem) and error.wait_seconds) or 0.0
