"""How people come in, by the site's OpenID provider or out of a chart in an EHR; and how they leave.

Every server has a callback address of its own: none can pass off its answer as another's (RFC 9700, 4.4).
"""

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import Engine

from referral_service.auth import id_token, provider
from referral_service.auth.access import Access, Ehr, People
from referral_service.auth.attempt import Attempt, Attempts
from referral_service.auth.id_token import Expected
from referral_service.auth.person import Unwelcome, colleague, visitor
from referral_service.auth.principal import Principal
from referral_service.auth.provider import Provider, Refused
from referral_service.auth.sessions import Sessions
from referral_service.auth.signed import Untrusted
from referral_service.auth.tokens import OwnKeys
from referral_service.workflow.ports import Clock, Tenant

Json = dict[str, Any]
CALLBACK_PATH: Final = "/auth/callback"
SIGNED_OUT_PATH: Final = "/auth/signed-out"
HOME: Final = "/worklist"
_PAGE: Final = re.compile(r"/worklist(/[A-Za-z0-9._~-]{1,64}){0,4}")
_LAUNCH: Final = re.compile(r"[\x21-\x7e]{1,2000}")
_MOST_BYTES: Final = 4096
_log = structlog.get_logger(__name__)


class Begun(NamedTuple):
    """Where the browser goes to sign in, and what it keeps meanwhile."""

    address: str
    kept: str


class Entered(NamedTuple):
    """Somebody has signed in: who, the value of their session, and the page that they wanted."""

    principal: Principal
    session: str
    to: str


class Entrance:
    """One for each application; several threads may ask."""

    def __init__(self, access: Access, address: str, keys: OwnKeys, clock: Clock, engine: Engine) -> None:
        """`address` is where browsers reach the service; `keys` sign what they keep. Asks nothing yet."""
        self.sessions = Sessions(engine, clock, access.sessions.idle, access.sessions.most)
        self.engine = engine
        self._address = address
        self._clock = clock
        self._attempts = Attempts(keys, address, clock, engine)
        self._people = access.people
        self._ehrs = access.ehrs
        self._providers = {name: _of_ehr(one, clock) for name, one in access.ehrs.items()}
        if access.people:
            self._providers[""] = _of_people(access.people, clock)

    @property
    def is_secure(self) -> bool:
        """Whether browsers come over TLS."""
        return self._address.startswith("https:")

    @property
    def has_provider(self) -> bool:
        """Whether people can sign in without being led here by an EHR."""
        return self._people is not None

    def begin(self, to: str) -> Begun:
        """To the site's provider; Problem UNAVAILABLE while it cannot be reached."""
        return self._begin("", page_of(to), {})

    def launch(self, iss: str, launch: str) -> Begun:
        """To the EHR at `iss`, with the `launch` that it gave; Unwelcome from one that is not ours."""
        known = (name for name, one in self._ehrs.items() if one.url.rstrip("/") == iss.rstrip("/"))
        via = next(known, None)
        if via is None or not _LAUNCH.fullmatch(launch):
            raise Unwelcome("ehr")
        return self._begin(via, HOME, {"launch": launch, "aud": self._ehrs[via].url})

    def finish(self, via: str, told: Sequence[tuple[str, str]], kept: str, session: str) -> Entered:
        """Takes a server's answer; the browser's earlier `session`, if any, ends.

        Raises Untrusted for what is not the answer to this browser's question, Refused where the server says
        no, Unwelcome for somebody who has nothing to do here, and Problem.
        """
        one = self._providers.get(via)
        answer = dict(told)
        if one is None or len(answer) < len(told) or sum(map(len, answer.values())) > _MOST_BYTES:
            raise Untrusted("nobody whom we have asked answers like that")
        attempt = self._attempts.finish(kept, via, answer.get("state", ""))
        _check_issuer(one, answer)
        if "code" not in answer:
            raise Refused("nobody has signed in")
        given = one.exchange(answer["code"], attempt.verifier, self._callback(via))
        claims = self._verified(one, given, attempt)
        principal = self._principal(via, claims, given)
        _log.info("somebody has signed in", via=via or "provider", roles=sorted(principal.roles))
        to = f"{HOME}/patient/{principal.patient}" if principal.patient else attempt.to
        return Entered(principal, self.sessions.begin(principal, session), to)

    def tenant_of(self, via: str) -> Tenant | None:
        """Whose server that is: the tenant to be told of an answer of it that is by nobody known."""
        if via:
            return Tenant(self._ehrs[via].tenant) if via in self._ehrs else None
        return Tenant(self._people.tenant) if self._people else None

    def way_out(self) -> str:
        """Where to sign out at the provider too; "" where that is not offered."""
        one = self._providers.get("")
        return one.way_out(f"{self._address}{SIGNED_OUT_PATH}") if one else ""

    def _begin(self, via: str, to: str, more: dict[str, str]) -> Begun:
        attempt, kept = self._attempts.begin(via, to)
        address = self._providers[via].way_in(
            scope=self._ehrs[via].scopes if via else self._site.scopes,
            redirect_uri=self._callback(via),
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=attempt.challenge,
            **more,
        )
        return Begun(address, kept)

    def _verified(self, one: Provider, given: Json, attempt: Attempt) -> Json:
        """The claims of the ID token that came."""
        text, access_token = given.get("id_token"), given.get("access_token")
        if not isinstance(text, str):
            raise Untrusted("no ID token came")
        expected = Expected(
            issuer=one.doors().issuer,
            client_id=one.party.client_id,
            nonce=attempt.nonce,
            algorithms=one.party.algorithms,
            keys=one.keys(),
        )
        now = self._clock.now().timestamp()
        return id_token.verify(text, access_token if isinstance(access_token, str) else "", expected, now)

    def _principal(self, via: str, claims: Json, given: Json) -> Principal:
        return visitor(self._ehrs[via], claims, given) if via else colleague(self._site, claims)

    @property
    def _site(self) -> People:
        assert self._people is not None
        return self._people

    def _callback(self, via: str) -> str:
        return f"{self._address}{CALLBACK_PATH}{via and f'/{via}'}"


def page_of(address: str) -> str:
    """The page of ours that an address is, without its query; the first page for anything else."""
    path = address.partition("?")[0]
    return path if _PAGE.fullmatch(path) and ".." not in path else HOME


def _check_issuer(one: Provider, answer: dict[str, str]) -> None:
    """RFC 9207, 2.4."""
    doors = one.doors()
    said = answer.get("iss")
    if said is None and not doors.authorization_response_iss_parameter_supported:
        return
    if said != doors.issuer:
        raise Untrusted("another server answers")


def _of_people(people: People, clock: Clock) -> Provider:
    return Provider(people, lambda: provider.openid(people.issuer), clock)


def _of_ehr(ehr: Ehr, clock: Clock) -> Provider:
    return Provider(ehr, lambda: provider.smart(ehr.url), clock)
