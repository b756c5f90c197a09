"""A request for a token and its answer: client_credentials with private_key_jwt, and nothing else.

Sources: RFC 6749 (4.4, 5), RFC 7523 (2.2), SMART App Launch 2.2, "Backend Services".
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import structlog

from referral_service.auth.authority import Authority
from referral_service.auth.clients import Client
from referral_service.auth.scopes import ScopeError, granted
from referral_service.auth.signed import Unfit, Untrusted
from referral_service.auth.tokens import LIFETIME_SECONDS

Json = dict[str, Any]
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_log = structlog.get_logger(__name__)


class Refused(Exception):
    """One of RFC 6749's errors, and a sentence that repeats nothing of the request."""

    def __init__(self, error: str, sentence: str, client: Client | None = None) -> None:
        """`error` is the code; `client` is who asks, or who that claims to be, if it is one of ours."""
        super().__init__(sentence)
        self.error = error
        self.client = client


class Given(NamedTuple):
    """A token's owner, and the answer that brings it."""

    client: Client
    words: Json


def give(authority: Authority, form: Sequence[tuple[str, str]]) -> Given:
    """The answer to a token request; Refused, or UNAVAILABLE while a client's keys cannot be had."""
    asked = dict(form)
    if len(asked) < len(form):
        raise Refused("invalid_request", "A parameter stands twice.")
    if "client_secret" in asked:
        raise Refused("invalid_client", "Clients prove themselves with a signed assertion.")
    if asked.get("grant_type") != "client_credentials":
        raise Refused("unsupported_grant_type", "Only client_credentials is supported.")
    if asked.get("client_assertion_type") != _ASSERTION:
        raise Refused("invalid_client", f"The client_assertion_type is {_ASSERTION}.")
    assertion = asked.get("client_assertion", "")
    try:
        client = authority.clients.authenticate(assertion)
    except Untrusted as error:
        _log.warning("a client's assertion was refused", why=str(error))
        why = str(error) if isinstance(error, Unfit) else "its client, key or signature is not right"
        claimed = authority.clients.claimed(assertion)
        raise Refused("invalid_client", f"The client_assertion is not taken: {why}.", claimed) from None
    if asked.get("client_id", client.id) != client.id:
        raise Refused("invalid_client", "The client_id is not that of the assertion.", client)
    scopes = _scopes(asked.get("scope", ""), client)
    words = {
        "access_token": authority.tokens.give(client, scopes),
        "token_type": "bearer",
        "expires_in": LIFETIME_SECONDS,
        "scope": " ".join(scopes),
    }
    return Given(client, words)


def _scopes(asked: str, client: Client) -> tuple[str, ...]:
    try:
        scopes = granted(asked, client.scopes)
    except ScopeError as error:
        raise Refused("invalid_scope", f"A scope is not understood: {error}.", client) from None
    if not scopes:
        raise Refused("invalid_scope", "None of these scopes may be given to this client.", client)
    return scopes
