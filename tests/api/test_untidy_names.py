"""Transactions whose entries have names that R4 does not give, and narratives made to cost time."""

from typing import Any

import pytest

from tests.api.charts import condition, entry, issues, new_id, patient, statuses
from tests.api.test_transactions import mrn, place_of
from tests.kit.server import Running

Json = dict[str, Any]
UNTIDY = ["Condition/1", "x", "#a", "?a", "//x/Condition/1", "/Condition/1", "Condition", "Patient/"]


@pytest.mark.parametrize("name", UNTIDY)
def test_a_resource_without_an_id_under_an_untidy_name_is_stored(server: Running, name: str) -> None:
    answer = server.send("transaction", entry("POST", "Condition", condition("Patient/p1"), name))
    assert statuses(answer.json()) == ["201"]


def test_what_is_passed_by_is_so_under_an_untidy_name_too(server: Running) -> None:
    claim = entry("POST", "Claim", {"resourceType": "Claim"}, "Claim/1")
    answer = server.send("transaction", claim, entry("POST", "Patient", patient()))
    assert statuses(answer.json()) == ["202", "201"]


def test_a_resource_of_a_type_that_is_passed_by_refuses_nothing_whatever_is_wrong_with_it(
    server: Running,
) -> None:
    document = entry("POST", "Bundle", {"resourceType": "Bundle", "type": "document"})
    for kind in ("transaction", "batch"):
        answer = server.send(kind, document, entry("POST", "Patient", patient()))
        assert statuses(answer.json()) == ["202", "201"], kind


@pytest.mark.parametrize("url", ["Patient", "Patient?identifier=urn:mrn|{number}"])
@pytest.mark.parametrize(
    ("own", "issue"),
    [("", ("duplicate", "Bundle.entry[0]")), ("another", ("value", "Bundle.entry[0].fullUrl"))],
)
def test_a_name_that_a_stored_resource_has_may_mean_either(
    server: Running, url: str, own: str, issue: tuple[str, str]
) -> None:
    known, number = new_id(), new_id("n")
    server.put(patient(known))
    method = "PUT" if "?" in url else "POST"
    sent = patient(own and new_id(), identifier=[{"system": "urn:mrn", "value": number}])
    before = server.dump()
    answer = server.send(
        "transaction",
        entry(method, url.format(number=number), sent, f"Patient/{known}"),
        entry("POST", "Condition", condition(f"Patient/{known}")),
    )
    assert (answer.status_code, issues(answer.json())) == (400, [issue])
    assert server.dump() == before


def test_a_conditional_create_under_the_name_of_another_that_is_stored_may_mean_either(
    server: Running,
) -> None:
    known, same, number = new_id(), new_id(), new_id("n")
    server.put(patient(known))
    server.put(patient(same, identifier=mrn(number)))
    query = f"identifier=urn:mrn|{number}"
    create = entry("POST", "Patient", patient(), f"Patient/{known}", ifNoneExist=query)
    answer = server.send("transaction", create, entry("POST", "Condition", condition(f"Patient/{known}")))
    assert answer.status_code == 400


def test_the_links_of_a_comment_stay_and_those_around_it_follow(server: Running) -> None:
    name = "urn:uuid:5d7bd7a3-96ab-4d3b-9b3a-6c1f5d0d7a11"
    inside = f"<!-- <a href='{name}'> --><p title=\"href='{name}'\">x</p>"
    div = f"<div xmlns=\"http://www.w3.org/1999/xhtml\">{inside}<a href='{name}'>y</a></div>"
    text = {"status": "generated", "div": div}
    answer = server.send(
        "transaction",
        entry("POST", "Patient", patient(), name),
        entry("POST", "Condition", condition("Patient/p1", text=text)),
    ).json()
    stored = server.http.get(f"/{place_of(answer, 1)}").json()["text"]["div"]
    assert stored == div.replace(f"<a href='{name}'>y", f"<a href='{place_of(answer, 0)}'>y")


@pytest.mark.timeout(120)  # to make a failure short: it would take hours
@pytest.mark.parametrize(
    "markup", ["<!-- <a {}> -->", "<![CDATA[<a {}>]]>", "<p title='{}'>x</p>", "<p {} >x</p>"]
)
@pytest.mark.parametrize("filling", ["x", " ", "x ", "x=' ", "=", "<!-", "<a "])
def test_no_markup_is_looked_at_again_and_again(server: Running, markup: str, filling: str) -> None:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">a{markup.format(filling * 300_000)}</div>'
    text = {"status": "generated", "div": div}
    answer = server.send("transaction", entry("POST", "Condition", condition("Patient/p1", text=text)))
    assert answer.status_code in (200, 400)
