"""A listening canary that is not on the list hears nothing, whatever the other side answers."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_service.core.problem import Category, Problem
from referral_service.ehr.client import EhrClient
from referral_service.ehr.endpoint import Limits
from tests.ehr.conftest import Client
from tests.ehr.other_side import OtherSide, by_path, gives, other_side, page, patient, says

BUNDLE: dict[str, Any] = {"resourceType": "Bundle", "type": "transaction"}
WELL_KNOWN = "/fhir/.well-known/smart-configuration"
Asking = Callable[[EhrClient], object]


@pytest.fixture
def canary() -> Iterator[OtherSide]:
    """It would answer everything."""
    with other_side(gives(patient("1") | {"access_token": "stolen", "expires_in": 300})) as side:
        yield side
        assert side.asked == []


def refused(asking: Asking, ehr: EhrClient) -> None:
    with pytest.raises(Problem) as caught:
        asking(ehr)
    assert caught.value.category is Category.FORBIDDEN


def search(ehr: EhrClient, type: str = "Patient") -> object:
    return list(ehr.search(type, []))


def test_a_reference_does_not_lead_outside(client: Client, canary: OtherSide) -> None:
    with other_side(gives(patient("1"))) as side:
        refused(lambda ehr: ehr.read(f"{canary.fhir}/Patient/1"), client(side.fhir))
        assert side.asked == []


def test_a_next_link_does_not_lead_outside(client: Client, canary: OtherSide) -> None:
    for onward in (f"{canary.fhir}?_page=2", canary.fhir.removeprefix("http:")):
        with other_side(gives(page(patient("1"), onward=onward))) as side:
            refused(search, client(side.fhir))
            assert len(side.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "asking",
    [
        lambda ehr: ehr.read("Patient/1"),
        search,
        lambda ehr: ehr.transaction(BUNDLE),
        lambda ehr: ehr.update(patient("1")),
    ],
    ids=["read", "search", "transaction", "update"],
)
def test_a_redirect_does_not_lead_outside(
    client: Client, canary: OtherSide, asking: Asking, status: int
) -> None:
    with other_side(says(status, Location=f"{canary.fhir}/Patient/1")) as side:
        refused(asking, client(side.fhir))
        assert len(side.asked) == 1


def test_the_last_of_several_redirects_does_not_lead_outside(client: Client, canary: OtherSide) -> None:
    with other_side(says(302, Location="/fhir/Patient/2"), says(302, Location=canary.fhir)) as side:
        refused(lambda ehr: ehr.read("Patient/1"), client(side.fhir))
        assert len(side.asked) == 2


def test_where_a_thing_was_created_is_not_asked_for(client: Client, canary: OtherSide) -> None:
    done = {"resourceType": "Bundle", "type": "transaction-response"}
    with other_side(gives(done, 201, Location=f"{canary.fhir}/Patient/1")) as side:
        assert client(side.fhir).transaction(BUNDLE) == done


def test_a_discovered_token_endpoint_is_not_outside(client: Client, canary: OtherSide, key_file: Any) -> None:
    found = gives({"token_endpoint": f"{canary.address}/token"})
    with other_side(by_path({WELL_KNOWN: found})) as side:
        refused(search, client(side.fhir, client_id="us", key_file=key_file))
        assert side.paths == [WELL_KNOWN]


def test_discovery_and_login_are_not_redirected_outside(
    client: Client, canary: OtherSide, key_file: Any
) -> None:
    away = says(307, Location=f"{canary.address}/token")
    with other_side(away) as side:
        refused(search, client(side.fhir, client_id="us", key_file=key_file))
        refused(
            search, client(side.fhir, client_id="us", key_file=key_file, token_url=f"{side.address}/token")
        )
        assert side.paths == [WELL_KNOWN, "/token"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_get_is_redirected_inside(client: Client, status: int) -> None:
    with other_side(
        *[says(status, Location=f"/fhir/moved/{n}") for n in range(3)], gives(patient("1"))
    ) as side:
        assert client(side.fhir).read("Patient/1") == patient("1")
        assert side.paths == ["/fhir/Patient/1", *(f"/fhir/moved/{n}" for n in range(3))]


def test_redirects_end_after_three(client: Client) -> None:
    with other_side(says(302, Location="/fhir/Patient/1")) as side, pytest.raises(Problem) as caught:
        client(side.fhir).read("Patient/1")
    assert caught.value.category is Category.FAULT
    assert len(side.asked) == 4


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_write_is_not_redirected_even_inside(client: Client, status: int) -> None:
    with other_side(says(status, Location="/fhir/elsewhere")) as side, pytest.raises(Problem) as caught:
        client(side.fhir).transaction(BUNDLE)
    assert caught.value.category is Category.FAULT
    assert len(side.asked) == 1


def test_a_listed_origin_is_asked_and_a_redirect_takes_no_token_there(client: Client) -> None:
    with other_side(gives(page())) as second:
        linked = gives(page(onward=f"{second.fhir}?_page=2"))
        with other_side(linked, says(302, Location=f"{second.fhir}?_page=3")) as side:
            ehr = client(side.fhir, origins=(second.address,), bearer="secret")
            search(ehr)
            search(ehr)
            assert second.paths == ["/fhir?_page=2", "/fhir?_page=3"]
            assert [one.headers["Authorization"] for one in second.asked] == ["Bearer secret", None]


PIECES = st.sampled_from(
    [
        "{inside}",
        "{outside}",
        "http://",
        "//",
        "/",
        "\\",
        "@",
        "#",
        "?",
        "%40",
        "%2f",
        ":",
        "localhost",
        "127.1",
        ".",
    ]
)


def test_no_spelling_of_a_link_leads_outside(client: Client, canary: OtherSide) -> None:
    links = [""]

    def led(talk: Any) -> None:
        reply = says(302, Location=links[0]) if "/Patient" in talk.path else gives(page(onward=links[0]))
        reply(talk)

    with other_side(led) as side:
        ehr = client(side.fhir, Limits(pages=2, tries=1, failures=10_000))
        hosts = {"inside": side.address[7:], "outside": canary.address[7:]}

        @given(st.lists(PIECES, min_size=1, max_size=6).map("".join), st.sampled_from(["Patient", "Task"]))
        def leads(link: str, type: str) -> None:
            links[0] = link.format(**hosts)
            with suppress(Problem):
                search(ehr, type)

        leads()
        assert len(side.asked) > 100
