"""What Prometheus is asked for: queries, held against what the service tells."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import promql_parser as promql
import pytest
from prometheus_client.parser import text_string_to_metric_families

from referral_service.telemetry import exposition
from tests.kit.processes import until
from tests.kit.server import running
from workers.sweep import Sweep

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
JOB = "referral-service"
RATES = {"rate", "increase"}
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",)}
# What Prometheus adds by itself.
TARGET = {"job", "instance"}
PROMETHEUS = {"up": TARGET, "ALERTS": {"alertname", "alertstate", "severity", "service"}}


@dataclass(frozen=True)
class Metric:
    """One of the service's; `name` as docs/operations.md has it."""

    name: str
    kind: str
    labels: frozenset[str]  # as docs/operations.md has them
    seen: frozenset[str] | None  # those that a value really had
    is_named: bool  # in docs/operations.md
    is_shared: bool  # read from the database: every API process tells it alike


Metrics = Mapping[str, Metric]  # by the name of a series: NAME_bucket, NAME_sum and NAME_count of a histogram


def _table() -> dict[str, frozenset[str]]:
    rows = re.findall(r"^\| `([a-z_]+)(?:\{([a-z,_ ]+)\})?` \| (?:counter|gauge|histogram) \|", PAGE, re.M)
    return {name: frozenset(filter(None, re.split(r"[, ]+", labels))) for name, labels in rows}


def _families(page: str) -> dict[str, Any]:
    """The service's own, by the name that docs/operations.md has: with a counter's _total."""
    return {
        family.name + ("_total" if family.type == "counter" else ""): family
        for family in text_string_to_metric_families(page)
        if not family.name.startswith(("python_", "process_")) and not family.name.endswith("_created")
    }


def _series(page: str) -> Iterator[tuple[str, Metric]]:
    own, table = _families(exposition(None).decode()), _table()
    for name, family in _families(page).items():
        values = [value for value in family.samples if not value.name.endswith("_created")]
        seen = frozenset().union(*(value.labels for value in values)) - {"le"} if values else None
        named = table.get(name)
        metric = Metric(name, family.type, named or frozenset(), seen, named is not None, name not in own)
        for suffix in SUFFIXES.get(family.type, ("",)):
            yield name.removesuffix("_total") + suffix, metric


@pytest.fixture(scope="session")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Metrics:
    """What a real service tells about a patient with a red flag."""
    with running(tmp_path_factory.mktemp("metrics")) as served:
        worker = Sweep(served.service.settings)
        worker.start()
        try:
            flag = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "G83.4"}]}
            subject = {"reference": "Patient/flagged"}
            sent = served.post({"resourceType": "Condition", "subject": subject, "code": flag})
            assert sent.is_success
            until(lambda: served.search("Task", patient="Patient/flagged")["total"] == 1, "a task")
            told = httpx.get(f"{served.address}/metrics").text
        finally:
            worker.stop()
    return dict(_series(told))


def asked(query: str) -> list[tuple[promql.VectorSelector, list[promql.Expr]]]:
    """Every series that a query asks for, each with the expressions around it, the outermost first."""
    around: list[promql.Expr] = []
    found: list[tuple[promql.VectorSelector, list[promql.Expr]]] = []

    def enter(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector):
            found.append((node, list(around)))
        around.append(node)

    promql.walk(promql.parse(query), enter, lambda node: bool(around.pop()))
    return found


def names(query: str) -> set[str]:
    """The names of the series that a query asks for."""
    return {selector.name or "" for selector, _ in asked(query)}


def faults(query: str, metrics: Metrics) -> list[str]:
    """What is wrong with a query of the service's numbers; raises ValueError if it is no query at all."""
    found: list[str] = []
    for selector, around in asked(query):
        name = selector.name or ""
        if name in PROMETHEUS:
            found += _wrong_labels(selector, around, PROMETHEUS[name])
        elif name not in metrics:
            found.append(f"{name}: the service does not tell it")
        else:
            found += _faults_of(selector, around, metrics[name])
    return found


def _faults_of(selector: promql.VectorSelector, around: list[promql.Expr], metric: Metric) -> Iterator[str]:
    name = selector.name or ""
    calls = {node.func.name for node in around if isinstance(node, promql.Call)}
    buckets = {"le"} if name.endswith("_bucket") else set()
    if not metric.is_named:
        yield f"{metric.name}: docs/operations.md does not name it"
    if not any((it.name, it.value) == ("job", JOB) for it in selector.matchers.matchers):
        yield f"{name}: somebody else's may bear this name; ask for the job"
    if metric.kind == "gauge" and calls & RATES:
        yield f"{name}: a gauge has no rate"
    if metric.kind != "gauge" and not calls & RATES:
        yield f"{name}: what only grows is asked for by its rate"
    if "histogram_quantile" in calls and not buckets:
        yield f"{name}: a quantile is one of buckets"
    yield from _wrong_labels(selector, around, metric.labels | TARGET | buckets)
    if "absent" not in calls:
        yield from _wrong_sum(name, around, metric.labels | buckets, metric.is_shared)


def _aggregations(around: list[promql.Expr]) -> list[promql.AggregateExpr]:
    """The innermost first."""
    return [node for node in reversed(around) if isinstance(node, promql.AggregateExpr)]


def _kept(aggregation: promql.AggregateExpr) -> set[str]:
    return set(aggregation.modifier.labels) if aggregation.modifier else set()


def _wrong_labels(
    selector: promql.VectorSelector, around: list[promql.Expr], labels: frozenset[str] | set[str]
) -> Iterator[str]:
    wanted = {it.name for it in selector.matchers.matchers}
    for aggregation in _aggregations(around):
        wanted |= _kept(aggregation)
    yield from (f"{selector.name}: it has no label {label}" for label in sorted(wanted - labels))


def _wrong_sum(
    name: str, around: list[promql.Expr], labels: frozenset[str] | set[str], is_shared: bool
) -> Iterator[str]:
    innermost = next(iter(_aggregations(around)), None)
    operation = str(innermost.op) if innermost else "nothing"
    if not is_shared and operation != "sum":
        yield f"{name}: each process tells its own part; add them up, {operation} does not"
    elif is_shared and (innermost is None or operation != "max" or _kept(innermost) != labels):
        yield f"{name}: every process tells it alike; take the max by all of {sorted(labels)} first"
