"""No address outside the list gets through, however it is spelled."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from referral_service.core.problem import Category, Problem
from referral_service.ehr.allow_list import AllowList
from referral_service.ehr.endpoint import Endpoint

ENDPOINT = Endpoint(
    url="https://ehr.example/fhir",
    token_url="https://Login.example:8443/token",
    origins=("http://pages.example", "https://[2001:db8::1]:8080/x", "https://bücher.example:443"),
)
LISTED = AllowList(ENDPOINT)
PAGE = LISTED.address("https://ehr.example/fhir/Patient?_page=1")


@pytest.mark.parametrize(
    ("text", "sent_to"),
    [
        ("https://ehr.example/fhir/Patient/1", "https://ehr.example/fhir/Patient/1"),
        ("HTTPS://EHR.EXAMPLE/fhir", "https://ehr.example/fhir"),
        ("https://ehr.example:443/fhir", "https://ehr.example/fhir"),
        ("https://ehr.example:0443/fhir", "https://ehr.example/fhir"),
        ("//ehr.example/x", "https://ehr.example/x"),
        ("Patient?_page=2#top", "https://ehr.example/fhir/Patient?_page=2"),
        ("/other?x=https://evil.example/", "https://ehr.example/other?x=https://evil.example/"),
        ("?_page=2", "https://ehr.example/fhir/Patient?_page=2"),
        ("https://login.example:8443/", "https://login.example:8443/"),
        ("http://pages.example:80/2", "http://pages.example/2"),
        ("https://[2001:DB8::1]:8080/", "https://[2001:DB8::1]:8080/"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://BÜCHER.example/", "https://xn--bcher-kva.example/"),
    ],
)
def test_what_is_on_the_list_passes(text: str, sent_to: str) -> None:
    assert str(LISTED.address(text, PAGE)) == sent_to


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/fhir",
        "//evil.example/fhir",
        "\\\\evil.example\\fhir",
        "/\\evil.example",
        "https:\\\\evil.example",
        "https://ehr.example\\@evil.example/",
        "https://ehr.example@evil.example/",
        "https://ehr.example:443@evil.example/",
        "https://user:password@ehr.example/",
        "https://user@ehr.example/",
        "https://evil.example#@ehr.example/",
        "https://evil.example?@ehr.example/",
        "https://ehr.example.evil.example/",
        "https://evilehr.example/",
        "https://ehr.example./",
        "https://ehr.example:8443/",
        "https://ehr.example:444/",
        "http://ehr.example/",
        "http://ehr.example:443/",
        "https://login.example/",
        "https://pages.example/",
        "http://pages.example:8080/",
        "https://ehr%2eexample/",
        "https://ehr.example%2fevil.example/",
        "https://ehr.example%00.evil.example/",
        "https://ehr.example%40evil.example/",
        "https://ehr.example\t.evil.example/",
        "https://ehr.exa\nmple/",
        " https://ehr.example/",
        "https://ehr.example /",
        "https://ehr\u3002example.evil/",
        "https://ehr.ex\u00adample/",
        "https://еhr.example/",
        "https://buecher.example/",
        "https://[2001:db8::2]:8080/",
        "https://[2001:db8::1]/",
        "https://[::ffff:2001:db8::1]:8080/",
        "https://[::1/",
        "https://ehr.example:port/",
        "https://ehr.example:99999/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "file:///etc/passwd",
        "ftp://ehr.example/",
        "javascript:alert(1)",
        "urn:uuid:0c3f4c1e-4a1c-4d8a-9d5e-1f2a3b4c5d6e",
        "https://" + "a" * 70_000,
        None,
        5,
        ["https://ehr.example/"],
    ],
)
def test_what_is_not_on_the_list_is_refused(text: object) -> None:
    for base in (PAGE, None):
        with pytest.raises(Problem) as caught:
            LISTED.address(text, base)
        assert caught.value.category is Category.FORBIDDEN
        assert str(caught.value) == "An address that is not on the allow-list was refused."


@pytest.mark.parametrize(
    "text", ["///evil.example", "https:///evil.example", "https:evil.example", "https://"]
)
def test_what_names_no_host_is_seen_from_the_page_or_refused(text: str) -> None:
    assert LISTED.address(text, PAGE).host == "ehr.example"
    with pytest.raises(Problem):
        LISTED.address(text)


@pytest.mark.parametrize(
    "wrong", ["ehr.example/fhir", "https://me:secret@ehr.example/fhir", "ftp://x/", "https:///"]
)
@pytest.mark.parametrize("where", ["url", "token_url", "origins"])
def test_an_endpoint_has_addresses_of_its_own_that_can_be_used(where: str, wrong: str) -> None:
    said = {"url": "https://ehr.example/fhir", where: (wrong,) if where == "origins" else wrong}
    with pytest.raises(Problem) as caught:
        AllowList(Endpoint(**said))
    assert caught.value.category is Category.FORBIDDEN
    assert "secret" not in str(caught.value)


SIGNS = (
    "https:// http:// HTTPS:// // / \\ @ : # ? % %40 %2f %00 . .. :443 :80 :8443 :8080 :0443 [ ] ; & 。 ﬀ е"
)
HOSTS = "ehr.example EHR.example evil.example pages.example login.example [2001:db8::1] ::1 user"
PIECES = st.sampled_from([*SIGNS.split(), *HOSTS.split(), "\t", " ", "\u00ad"])
ALLOWED = {
    ("https", "ehr.example", 443),
    ("https", "login.example", 8443),
    ("http", "pages.example", 80),
    ("https", "2001:db8::1", 8080),
    ("https", "xn--bcher-kva.example", 443),
}
PORTS = {"https": 443, "http": 80}


@given(st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=40), st.booleans())
def test_whatever_passes_leads_to_the_list_as_other_readers_see_it(text: str, has_page: bool) -> None:
    try:
        found = str(LISTED.address(text, PAGE if has_page else None))
    except Problem as error:
        assert error.category is Category.FORBIDDEN
        return
    split, parsed = urlsplit(found), parse_url(found)
    assert split.hostname and parsed.host and parsed.scheme
    assert (split.scheme, split.hostname, split.port or PORTS[split.scheme]) in ALLOWED
    assert (parsed.scheme, parsed.host.strip("[]"), parsed.port or PORTS[parsed.scheme]) in ALLOWED
    assert "@" not in split.netloc and parsed.auth is None


@given(
    st.sampled_from(["https://", "HTTPS://", "//"]),
    st.sampled_from(["ehr.example", "EHR.Example", "ehr.example:443"]),
    st.lists(st.sampled_from(["/", "?", "a", "%2F", "=", "&", "@", ":", "evil.example", "//"]), max_size=6),
)
def test_every_path_of_a_listed_host_passes(scheme: str, host: str, rest: list[str]) -> None:
    assert LISTED.address(f"{scheme}{host}/{''.join(rest)}", PAGE).host == "ehr.example"
