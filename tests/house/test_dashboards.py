"""The dashboard shows every number that the service tells, and no other."""

import json
import re
from itertools import combinations
from typing import Any

import pytest
import yaml

from tests.house.deployed import DOCKER
from tests.house.queries import PROMETHEUS, Metrics, faults, names

FOLDER = DOCKER / "grafana"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboards" / "referral-service.json").read_text("utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
(SOURCE,) = yaml.safe_load((FOLDER / "provisioning/datasources/prometheus.yaml").read_text())["datasources"]
UNITS = {"s", "none", "ops", "reqps"}

every_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])


def queries(panel: dict[str, Any]) -> list[str]:
    return [target["expr"] for target in panel["targets"]]


@every_panel
def test_a_panel_asks_for_what_the_service_tells(panel: dict[str, Any], metrics: Metrics) -> None:
    assert queries(panel)
    assert [fault for query in queries(panel) for fault in faults(query, metrics)] == []


@every_panel
def test_a_panel_says_what_it_shows_and_in_which_unit(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    in_seconds = any(
        name.endswith(("_seconds", "_seconds_bucket")) for q in queries(panel) for name in names(q)
    )

    assert panel["title"] and panel["description"].endswith(".")
    assert defaults["unit"] in UNITS
    assert (defaults["unit"] == "s") == in_seconds
    assert ({"rate(" in query for query in queries(panel)} == {True}) == (
        defaults["unit"] in {"ops", "reqps"} or "histogram_quantile" in queries(panel)[0]
    )


@every_panel
def test_a_panel_asks_the_source_that_is_provisioned(panel: dict[str, Any]) -> None:
    source = {"type": SOURCE["type"], "uid": SOURCE["uid"]}

    assert [panel["datasource"], *(it["datasource"] for it in panel["targets"])] == [source] * (
        1 + len(panel["targets"])
    )
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


@every_panel
def test_a_line_is_named_by_labels_that_it_has(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        named = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
        outermost = re.search(r"(?:sum|max|count) by \(([\w, ]+)\)", target["expr"])
        kept = set(outermost[1].split(", ")) - {"le"} if outermost else set()

        assert set(named) == kept, target["expr"]


def test_every_number_of_the_service_is_shown(metrics: Metrics) -> None:
    shown = {name for panel in PANELS for query in queries(panel) for name in names(query)}

    assert {metrics[name].name for name in shown - PROMETHEUS.keys() if name in metrics} == {
        metric.name for metric in metrics.values()
    }


def test_the_operators_page_names_the_labels_that_are_there(metrics: Metrics) -> None:
    differing = {
        metric.name: (metric.labels, metric.seen)
        for metric in metrics.values()
        if metric.is_named and metric.seen is not None and metric.seen != metric.labels
    }

    assert differing == {}


def test_panels_lie_beside_each_other() -> None:
    places = [panel["gridPos"] for panel in PANELS]

    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)
    assert len({panel["id"] for panel in PANELS}) == len({panel["title"] for panel in PANELS}) == len(PANELS)
