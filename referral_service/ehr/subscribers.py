"""Subscribers: the only addresses that notifications go to, and the POST that brings one there."""

from collections.abc import Sequence
from contextlib import closing
from typing import Final

import httpx

from referral_service.core.problem import Category, Problem, problem
from referral_service.ehr.allow_list import AllowList
from referral_service.ehr.connection import Connection, Sending
from referral_service.ehr.endpoint import Endpoint, Limits
from referral_service.ehr.transport import Deadline
from referral_service.settings import is_loopback
from referral_service.workflow.announce import Call

_LIMITS: Final = Limits(connect_seconds=5.0)


class Subscribers:
    """Safe for many threads."""

    def __init__(self, origins: Sequence[str], *, is_open: bool = False) -> None:
        """`is_open`: where no origin is listed, whatever listens on this machine may subscribe.

        Raises a FORBIDDEN problem where an origin is no address.
        """
        self._listed = AllowList(Endpoint(url="", origins=tuple(origins)))
        self._is_open = is_open and not origins

    def refusal(self, endpoint: str) -> str:
        """Why no notification goes there; "" if it may."""
        try:
            self._address(endpoint)
        except Problem:
            if self._is_open:
                return "Only an http: or https: address of this very machine, while no subscriber is listed."
            return "Not an https: address whose origin the operator has listed (REFERRAL_SUBSCRIBERS)."
        return ""

    def send(self, call: Call) -> None:
        """POSTs it once, and follows no redirect; raises Problem unless the answer is a success.

        FORBIDDEN and nothing sent where the address is not allowed any more. Of the answer nothing is read
        but its status.
        """
        address = self._address(call.endpoint)
        connection = Connection(Endpoint(url=str(address)), _LIMITS)
        headers = {**dict(call.headers), **({"Content-Type": "application/fhir+json"} if call.body else {})}
        sending = Sending("POST", address, headers, call.body)
        try:
            with closing(connection.open(sending, "", Deadline(call.timeout))):
                return
        finally:
            connection.close()

    def _address(self, endpoint: str) -> httpx.URL:
        if self._is_open:
            # the list of one address only parses it, once and for all
            address = AllowList(Endpoint(url=endpoint)).address(endpoint)
        else:
            address = self._listed.address(endpoint)
        is_here = is_loopback(address.host)
        if (address.scheme == "http" or self._is_open) and not is_here:
            raise problem(Category.FORBIDDEN, "The endpoint is not one that notifications may go to.")
        return address
