"""One request and its answer: to addresses of the allow-list only, within a deadline, of bounded size."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Final, NamedTuple

import httpx

from referral_service.core.problem import Problem
from referral_service.ehr.allow_list import AllowList, origin
from referral_service.ehr.endpoint import Endpoint, Limits
from referral_service.ehr.failures import as_problems, not_understood, of_answer
from referral_service.ehr.transport import Deadline, Transport

_MOST_REDIRECTS: Final = 3

_HEADERS: Final = {"User-Agent": "referral-service", "Accept-Encoding": "gzip, deflate"}

# One layer of these: each further one would multiply what a small answer unfolds to.
_CODINGS: Final = ("", "identity", "gzip", "deflate")


class Sending(NamedTuple):
    """A request, without its token."""

    method: str
    address: httpx.URL
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def is_safe(self) -> bool:
        """Whether sending it twice changes no more than sending it once."""
        return self.method == "GET"


class Answer(NamedTuple):
    """A success (2xx); `address` is where it came from after redirects."""

    status: int
    headers: httpx.Headers
    body: bytes
    address: httpx.URL


class Connection:
    """The network as one endpoint may use it; safe for many threads. Every failure is a Problem."""

    def __init__(self, endpoint: Endpoint, limits: Limits) -> None:
        """Nothing is connected yet."""
        self.allowed = AllowList(endpoint)
        self._limits = limits
        self._transport = Transport()

    def exchange(self, sending: Sending, token: str, deadline: Deadline) -> Answer:
        """Sends it once, follows a GET's redirects within the allow-list, and reads all of the answer."""
        with deadline.held(), closing(self.open(sending, token, deadline)) as response:
            body = b"".join(self._bounded(chunks(response)))
            return Answer(response.status_code, response.headers, body, response.url)

    def open(self, sending: Sending, token: str, deadline: Deadline) -> httpx.Response:
        """The same, its body still to be read (`chunks`); who asked closes it. The deadline is the head's."""
        with as_problems(), deadline.held():
            for _ in range(_MOST_REDIRECTS + 1):
                response = self._sent(sending, token, deadline)
                try:
                    onward = self._onward(sending, response)
                except Problem:
                    response.close()
                    raise
                if onward is None:
                    return response
                response.close()
                if origin(onward) != origin(sending.address):
                    token = ""
                sending = sending._replace(address=onward)
        raise not_understood("The other side redirects again and again.")

    def close(self) -> None:
        """Closes every connection."""
        self._transport.close()

    def _onward(self, sending: Sending, response: httpx.Response) -> httpx.URL | None:
        """Where the answer leads; None for a success."""
        if response.is_success:
            if response.headers.get("Content-Encoding", "").strip().lower() not in _CODINGS:
                raise not_understood("The answer is compressed in a way that was not asked for.")
            return None
        if not response.has_redirect_location:
            raise of_answer(response)
        onward = self.allowed.address(response.headers["Location"], sending.address)
        if not sending.is_safe:
            raise of_answer(response)
        return onward

    def _sent(self, sending: Sending, token: str, deadline: Deadline) -> httpx.Response:
        self.allowed.require(sending.address)
        silence = self._limits.read_seconds if sending.is_safe else deadline.left()
        timeout = httpx.Timeout(silence, connect=self._limits.connect_seconds, pool=deadline.left())
        # Not through httpx's client, which has ideas of its own: cookies, proxies, ~/.netrc, redirects.
        request = httpx.Request(
            sending.method,
            sending.address,
            content=sending.body or None,
            headers={
                **_HEADERS,
                **sending.headers,
                **({"Authorization": f"Bearer {token}"} if token else {}),
            },
            extensions={"timeout": timeout.as_dict()},
        )
        response = self._transport.handle_request(request)
        response.request = request
        return response

    def _bounded(self, body: Iterator[bytes]) -> Iterator[bytes]:
        size = 0
        for chunk in body:
            size += len(chunk)
            if size > self._limits.answer_bytes:
                raise not_understood("The answer is larger than is read.")
            yield chunk


def chunks(response: httpx.Response) -> Iterator[bytes]:
    """The body, unpacked."""
    with as_problems():
        yield from response.iter_bytes()
