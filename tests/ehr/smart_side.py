"""A FHIR server that wants a token, and gives one to whoever signs."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qs

import pytest

from referral_service.core.problem import Category, Problem
from referral_service.ehr.client import EhrClient
from tests.ehr.other_side import OtherSide, Reply, Talk, by_path, gives, other_side, patient, says

WELL_KNOWN = "/fhir/.well-known/smart-configuration"
BUNDLE: dict[str, Any] = {"resourceType": "Bundle", "type": "transaction"}


def grants(**more: Any) -> Reply:
    """A new token each time: `token-1`, `token-2`, ..."""
    count = [0]

    def reply(talk: Talk) -> None:
        count[0] += 1
        gives({"access_token": f"token-{count[0]}", "token_type": "Bearer", "expires_in": 300, **more})(talk)

    return reply


def takes(*tokens: str) -> Reply:
    """Patient/1 for whoever has one of these tokens, 401 for others."""
    allowed = {f"Bearer {token}" for token in tokens}
    return lambda talk: (gives(patient("1")) if talk.headers["Authorization"] in allowed else says(401))(talk)


def server(token: Reply, data: Reply | None = None) -> AbstractContextManager[OtherSide]:
    """A FHIR server that says by discovery that its token endpoint is /token."""

    def found(talk: Talk) -> None:
        gives(
            {
                "token_endpoint": f"{talk.side.address}/token",
                "capabilities": ["client-confidential-asymmetric"],
            }
        )(talk)

    data = data or gives(patient("1"))
    routes = {
        WELL_KNOWN: found,
        "/token": token,
        "/fhir/Patient/1": data,
        "/fhir/Patient": data,
        "/fhir": data,
    }
    return other_side(by_path(routes))


def refused(ehr: EhrClient, category: Category) -> str:
    for asking in (lambda: ehr.read("Patient/1"), lambda: ehr.transaction(BUNDLE)):
        with pytest.raises(Problem) as caught:
            asking()
        assert caught.value.category is category
    return str(caught.value)


def sent(side: OtherSide) -> list[Mapping[str, list[str]]]:
    """The forms that /token got."""
    return [parse_qs(one.body.decode()) for one in side.asked if one.path == "/token"]
