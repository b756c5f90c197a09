"""Conditional references of a transaction: how much they may ask, and what is compared for them."""

from datetime import UTC, datetime
from threading import current_thread
from typing import Any
from urllib.parse import parse_qsl

import pytest

from referral_service.api.fhir.face import Face
from referral_service.core.problem import Problem
from referral_service.fhir.bundle import Condition
from referral_service.fhir.conditional import MOST_COMPARED, Coming, Match
from referral_service.fhir.search.dates import During, Span
from referral_service.fhir.search.query import parse
from referral_service.fhir.search.table import KINDS
from tests.api.charts import condition, entry, issues, new_id, patient
from tests.kit.server import Running

Json = dict[str, Any]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
WRITTEN = 40


class Counting:
    """Date comparisons, counted while it is installed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every comparison is made as ever."""
        self.made = 0
        holds = During.holds

        def counted(during: During, found: Span) -> bool:
            self.made += 1
            return holds(during, found)

        monkeypatch.setattr(During, "holds", counted)


def coming(*asked: str, written: int = WRITTEN, **more: Any) -> tuple[Coming, list[Condition]]:
    """What a transaction of so many Conditions, one each day, and those searches will find."""
    changed: dict[tuple[str, str], Json | None] = {
        ("Condition", f"c{n}"): {
            **condition(f"Patient/p{n}", f"M54.{n}"),
            "onsetDateTime": f"2026-0{1 + n // 28 % 9}-{n % 28 + 1:02}",
            **more,
        }
        for n in range(written)
    }
    searches = [Condition("Condition", one) for one in asked]
    matches = {one: Match(parse(KINDS["Condition"], parse_qsl(one.query), as_of=NOW), ()) for one in searches}
    return Coming(changed, matches), searches


def test_of_what_else_tells_apart_only_the_rest_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    found, searches = coming("onset-date=2026-01-06&code=M54.5", "onset-date=2026-01-06&patient=p5,p6")
    counting = Counting(monkeypatch)
    assert [found.found(one) for one in searches] == [{"c5"}, {"c5"}]
    assert counting.made <= 3


def test_a_search_that_stands_often_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found, (search,) = coming("onset-date=2026-01-06")
    counting = Counting(monkeypatch)
    assert [found.found(search) for _ in range(9)] == [{"c5"}] * 9
    assert counting.made == WRITTEN


def test_of_many_that_are_found_two_are_told() -> None:
    found, (search,) = coming("onset-date=ge2026")
    assert len(found.found(search)) == 2


CODES = [f"urn:s|c{n}" for n in range(200)]


def by_codes(turned: int) -> str:
    """A search by all of these, one that is written unlike those turned otherwise."""
    return "code=" + ",".join(CODES[turned:] + CODES[:turned])


@pytest.mark.parametrize("last", ["onset-date=lt1999", by_codes(100)])
def test_all_the_searches_of_a_transaction_share_one_measure(last: str) -> None:
    resources = 500
    before = [by_codes(n) for n in range(MOST_COMPARED // (resources * len(CODES)))]
    codes = {"coding": [{"system": "urn:s", "code": one[6:]} for one in CODES]}
    found, searches = coming(*before, last, written=resources, code=codes)
    assert all(len(found.found(one)) == 2 for one in searches[:-1])
    with pytest.raises(Problem) as refused:
        found.found(searches[-1])
    assert refused.value.issues[0].code == "too-costly"
    assert f"{MOST_COMPARED:,}" in str(refused.value)


def focused(*searches: str) -> Json:
    """An entry whose Observation points at what these find."""
    code = {"coding": [{"system": "http://loinc.org", "code": "72514-3"}]}
    focus = [{"reference": one} for one in searches]
    found = {"resourceType": "Observation", "status": "final", "code": code, "focus": focus}
    return entry("POST", "Observation", found)


def test_conditions_that_ask_for_too_many_dates_are_refused(server: Running) -> None:
    before = server.dump()
    dates = ",".join(f"lt19{n}" for n in range(10, 30))
    searches = (f"Condition?onset-date={dates}&_id=x{n}" for n in range(501))
    answer = server.send("transaction", focused(*searches))
    assert (answer.status_code, issues(answer.json())) == (413, [("too-costly", "")])
    assert "10000 dates" in answer.json()["issue"][0]["diagnostics"]
    assert server.dump() == before


def test_many_conditions_are_read_while_others_are_served(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    understand, threads = Face.understand, set[str]()

    def watched(face: Face, *asked: Any) -> Any:
        threads.add(current_thread().name)
        return understand(face, *asked)

    monkeypatch.setattr(Face, "understand", watched)
    answer = server.send("transaction", focused(*(f"Condition?code=c{n}" for n in range(500))))
    assert answer.status_code == 412
    assert threads == {"AnyIO worker thread"}


def test_conditions_that_find_too_many_resources_are_refused(server: Running) -> None:
    who, times = new_id(), 700
    server.put(patient(who))
    several = [entry("POST", "Condition", condition(f"Patient/{who}")) for _ in range(times)]
    assert server.send("transaction", *several).status_code == 200
    before = server.dump()
    searches = (f"Condition?patient={who}&code=M51.26,x{n}" for n in range(145))
    answer = server.send("transaction", *several, focused(*searches))
    assert (answer.status_code, issues(answer.json())) == (413, [("too-costly", "")])
    assert "100000 resources" in answer.json()["issue"][0]["diagnostics"]
    assert server.dump() == before
