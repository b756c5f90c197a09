"""A source that demands more of a search than a patient, as Epic's does: its file says what to ask it for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from referral_service.fake_ehr.server import FakeEhr, Manners, serve
from referral_service.settings import Settings
from referral_service.sources import SourcesError
from referral_service.wiring import build_sources
from tests.api.charts import condition, patient
from tests.notify.fetching import Fetching, fetching, sources

SYSTEM = "http://terminology.hl7.org/CodeSystem/condition-category"
SEARCH = {"Condition": ["category=problem-list-item", f"category={SYSTEM}|encounter-diagnosis"]}
POLL = {"types": ["Condition"], "budget": 600_000}


def problem(id: str, category: str) -> dict[str, Any]:
    return {
        **condition("Patient/p1", id=id),
        "category": [{"coding": [{"system": SYSTEM, "code": category}]}],
    }


@pytest.fixture
def ehr() -> FakeEhr:
    """One patient, with a Condition of each category."""
    made = FakeEhr(manners=Manners(demands={"Condition": "category", "Observation": "category"}))
    made.load([patient("p1"), problem("c1", "problem-list-item"), problem("c2", "encounter-diagnosis")])
    return made


@pytest.fixture
def home(ehr: FakeEhr, tmp_path: Path) -> Iterator[Fetching]:
    with (
        serve(ehr) as address,
        fetching(tmp_path, address, fhir={"url": address, "search": SEARCH}, poll=POLL) as found,
    ):
        yield found


def conditions(home: Fetching) -> set[str]:
    return {name for name in home.names() if name.startswith("Condition/")}


def test_without_a_word_in_the_file_it_does_not_offer_them(ehr: FakeEhr, tmp_path: Path) -> None:
    with serve(ehr) as address, fetching(tmp_path, address) as home:
        assert home.fetch("Patient/p1") == 1
        assert (home.names(), home.counts()["not-offered"]) == ({"Patient/p1"}, 2)


def test_a_chart_is_searched_once_for_each_query(ehr: FakeEhr, home: Fetching) -> None:
    assert home.fetch("Patient/p1") == 1
    assert (conditions(home), home.counts()["not-offered"]) == ({"Condition/c1", "Condition/c2"}, 1)
    ehr.remove("Condition", "c2")
    home.fetch("Patient/p1")
    assert conditions(home) == {"Condition/c1"}


def test_each_query_is_polled_from_where_it_stood(ehr: FakeEhr, home: Fetching) -> None:
    home.poll("Condition")
    assert conditions(home) == {"Condition/c1", "Condition/c2"}
    marks = [home.mark(f"poll:Condition?{query}") for query in SEARCH["Condition"]]
    assert all(marks) and home.mark("poll:Condition") is None
    ehr.put(problem("c3", "encounter-diagnosis"))
    home.poll("Condition")
    assert "Condition/c3" in conditions(home)
    later = [home.mark(f"poll:Condition?{query}") for query in SEARCH["Condition"]]
    assert later[0] == marks[0] and later[1] > marks[1]


REFUSED: dict[str, tuple[Any, str]] = {
    "a type that is none": ({"Conditions": ["category=x"]}, "sources.ehr.fhir.search.Conditions: not a type"),
    "no list": ({"Condition": "category=x"}, "sources.ehr.fhir.search.Condition: "),
    "an empty list": ({"Condition": []}, "sources.ehr.fhir.search.Condition: "),
    "no parameter": ({"Condition": ["category"]}, "sources.ehr.fhir.search.Condition.0: "),
    "a parameter of ours": ({"Condition": ["patient=1"]}, "sources.ehr.fhir.search.Condition.0: "),
    "a parameter of ours too": (
        {"Condition": ["category=x&_count=5"]},
        "sources.ehr.fhir.search.Condition.0: ",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_asked_for_is_refused_with_its_place(tmp_path: Path, what: str) -> None:
    search, said = REFUSED[what]
    file = sources(tmp_path, "https://ehr.example", fhir={"url": "https://ehr.example", "search": search})
    with pytest.raises(SourcesError) as refused:
        build_sources(Settings(data_dir=tmp_path, sources=file))
    assert said in str(refused.value)
