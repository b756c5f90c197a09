"""The only addresses that a request may go to: scheme, host and port of what the endpoint names.

An address is parsed once, and the parsed form is what is compared and sent: two parsers cannot disagree.
"""

import re
from typing import Final, NamedTuple

import httpx

from referral_service.core.problem import Category, Problem, problem
from referral_service.ehr.endpoint import Endpoint

_PORTS: Final = {"http": 80, "https": 443}

# Some programs read a backslash as a slash, and others drop white space and control characters.
_DOUBTFUL: Final = re.compile(r"[\\\s\x00-\x1f\x7f-\x9f]")


class Origin(NamedTuple):
    """Scheme, host (in lower case; IDNA) and port; a default port is filled in."""

    scheme: str
    host: bytes
    port: int


class AllowList:
    """The origins of an endpoint's addresses."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Raises a FORBIDDEN problem where one of them is no address, or holds a user name or password."""
        named = (endpoint.url, endpoint.token_url, *endpoint.origins)
        self._origins = frozenset(origin(_parsed(one)) for one in named if one)

    def address(self, text: object, base: httpx.URL | None = None) -> httpx.URL:
        """The address that `text` is, seen from `base`; raises a FORBIDDEN problem if it is not listed."""
        found = _parsed(text, base)
        self.require(found)
        return found

    def require(self, address: httpx.URL) -> None:
        """Raises a FORBIDDEN problem unless the address is on the list."""
        if origin(address) not in self._origins:
            raise _outside()


def origin(address: httpx.URL) -> Origin:
    """Where a request to the address goes; raises a FORBIDDEN problem where that is in doubt."""
    if address.scheme not in _PORTS or not address.raw_host or address.userinfo:
        raise _outside()
    return Origin(address.scheme, address.raw_host.lower(), address.port or _PORTS[address.scheme])


def _parsed(text: object, base: httpx.URL | None = None) -> httpx.URL:
    if not isinstance(text, str) or _DOUBTFUL.search(text):
        raise _outside()
    try:
        found = httpx.URL(text) if base is None else base.join(text)
    except (httpx.InvalidURL, ValueError):
        raise _outside() from None
    return found.copy_with(fragment=None)


def _outside() -> Problem:
    return problem(Category.FORBIDDEN, "An address that is not on the allow-list was refused.")
