"""Saved views: kept in a person's own browser, named, removed, and never a patient's identifier."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from json import dumps

import pytest

from referral_service.api.worklist import views
from referral_service.wiring import build_assessor
from tests.api.people import House
from tests.kit.server import running
from tests.worklist.browsing import Coordinator


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """On SQLite alone: nothing here is a question to the database."""
    with running(tmp_path_factory.mktemp("house")) as served:
        yield House(served, build_assessor(served.service.settings, served.service.store))


def save(who: Coordinator, address: str, name: str) -> None:
    who.see(address)
    action, fields = next(one for one in who.page.forms if one[0] == "/worklist/views")
    who.send(action, fields | {"name": name})


def kept(who: Coordinator) -> dict[str, str]:
    """The views of the page that is open: name and address."""
    known = {view.name for value in who.http.cookies.values() for view in views.read(value)}
    return {words: address for address, words in who.page.links if words in known}


def test_a_view_is_kept_and_leads_to_its_list(house: House, nora: Coordinator) -> None:
    save(nora, "/worklist/list/report?region=lumbar&overdue=1", "Late reports")

    assert kept(nora) == {"Late reports": "/worklist/list/report?region=lumbar&overdue=1"}
    nora.see(kept(nora)["Late reports"])
    assert "<h1>Awaiting report</h1>" in nora.page.html
    assert 'value="1" checked' in nora.page.html
    cookie = next(one for one in nora.http.cookies.jar if one.name.startswith("worklist-views-"))
    assert cookie.expires and cookie.expires > 1_000_000_000, "it survives the browser's restart"


def test_no_identifier_of_a_patient_is_kept(house: House, nora: Coordinator) -> None:
    nora.look_for("review", "MRN-7", owner="me")
    action, fields = next(one for one in nora.page.forms if one[0] == "/worklist/views")
    assert "MRN-7" not in fields["filters"]
    nora.send(action, fields | {"name": "Mine"})

    assert kept(nora) == {"Mine": "/worklist/list/review?owner=me"}


def test_a_name_is_used_once_and_there_are_ten_at_most(house: House, nora: Coordinator) -> None:
    for number in range(views.MOST):
        save(nora, "/worklist/list/review", f"View {number}")
    save(nora, "/worklist/list/report", "View 3")
    assert nora.page.status == 200
    assert len(kept(nora)) == views.MOST and kept(nora)["View 3"] == "/worklist/list/report"
    save(nora, "/worklist/list/report?region=lumbar", "One more")
    assert nora.page.status == 422
    assert "There are 10 views; remove one first." in nora.page.text

    action, fields = next(
        one for one in nora.page.forms if one[0] == "/worklist/views/remove" and one[1]["name"] == "View 3"
    )
    nora.send(action, fields)
    assert "View 3" not in kept(nora)
    save(nora, "/worklist/list/report", "")
    assert nora.page.status == 422 and "Give the view a name" in nora.page.text


def test_everybody_has_their_own(house: House, nora: Coordinator) -> None:
    save(nora, "/worklist/list/review", "Hers")
    action, fields = nora.page.forms[0]
    nora.send(action, fields | {"name": "omar"})

    assert "Hers" not in nora.see("/worklist/list/review").text


def test_what_a_cookie_says_is_checked() -> None:
    forged = [["a", "review", "owner=me&after=9&target=x%3Cb%3E"], ["b", "nowhere", ""], ["c"], 7]
    value = views.written([])
    assert views.read(value) == []
    assert views.read("not base64!") == views.read("bm8ganNvbg==") == []
    found = views.read(urlsafe_b64encode(dumps(forged).encode()).decode())
    assert [(one.name, one.address) for one in found] == [("a", "/worklist/list/review?owner=me")]


def test_the_longest_views_fit_into_a_cookie() -> None:
    filters = tuple((name, "m" * 12) for name in ("target", "region", "owner", "overdue"))
    most = [views.View("🦴" * views.LONGEST, "information", filters)] * views.MOST

    assert len(views.written(most)) < 4000
    assert views.read(views.written(most)) == most
