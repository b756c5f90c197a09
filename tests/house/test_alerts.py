"""The alert rules: each a failure that an operator must act on, of numbers that there are, with a runbook."""

import re
import shutil
import subprocess
from typing import Any

import promql_parser as promql
import pytest
import yaml

from tests.house.deployed import DOCKER
from tests.house.queries import JOB, PAGE, Metrics, asked, faults, names
from tests.kit.server import running

FOLDER = DOCKER / "prometheus"
CONFIGURATION: dict[str, Any] = yaml.safe_load((FOLDER / "prometheus.yaml").read_text(encoding="utf-8"))
GROUPS: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
STORIES = yaml.safe_load((FOLDER / "alerts.test.yaml").read_text(encoding="utf-8"))["tests"]
# What an operator must be told of, by the series that tell it.
FAILURES = {
    "up",
    "patients_due",
    "sweep_age_seconds",
    "oldest_due_seconds",
    "patients_parked",
    "oldest_red_flag_seconds",
    "oldest_unsent_seconds",
    "orders_stopped",
    "errands_parked",
    "stage_overdue",
    "leases_expired_total",
    "http_request_seconds_count",
    "commit_seconds_bucket",
}

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])


@every_rule
def test_a_rule_asks_for_what_the_service_tells(rule: dict[str, Any], metrics: Metrics) -> None:
    assert faults(rule["expr"], metrics) == []


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ('max(patients_dew{job="referral-service"})', "does not tell it"),
        ("max(patients_due) > 0", "ask for the job"),
        ('sum(patients_due{job="referral-service"})', "take the max"),
        ('max(increase(patients_due{job="referral-service"}[5m]))', "no rate"),
        ('sum(rate(http_request_seconds_count{job="referral-service", code="500"}[5m]))', "no label code"),
        ('sum by (route) (rate(http_request_seconds_count{job="referral-service"}[5m]))', "no label route"),
        ('sum(http_request_seconds_count{job="referral-service"})', "by its rate"),
        ('max(rate(commit_seconds_count{job="referral-service"}[5m]))', "add them up"),
        ('max(rate(evaluations_total{job="referral-service"}[5m]))', "take the max by all of"),
        ('histogram_quantile(0.9, sum(rate(commit_seconds_sum{job="referral-service"}[5m])))', "of buckets"),
    ],
)
def test_a_query_that_is_wrong_is_noticed(query: str, fault: str, metrics: Metrics) -> None:
    found = faults(query, metrics)

    assert found and all(fault in each for each in found), found


@every_rule
def test_a_rule_says_who_must_act_and_how(rule: dict[str, Any]) -> None:
    name = rule["alert"]

    assert rule.keys() - {"for"} == {"alert", "expr", "labels", "annotations"}
    assert re.fullmatch(r"([A-Z][a-z]+)+", name)
    assert rule["labels"] == {"severity": rule["labels"]["severity"], "service": "referral-service"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{name.lower()}"
    assert promql.parse_duration(rule.get("for", "1s")).total_seconds() <= 600


def test_no_two_rules_bear_one_name() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


@every_rule
def test_every_rule_has_its_runbook(rule: dict[str, Any]) -> None:
    assert re.search(rf"^#+ {rule['alert']}$", PAGE, re.M)


def test_there_is_no_runbook_without_a_rule() -> None:
    headings = set(re.findall(r"^#+ ((?:[A-Z][a-z]+){2,})$", PAGE, re.M))

    assert headings <= {rule["alert"] for rule in RULES}


@every_rule
def test_a_rule_tells_a_number_and_a_label_that_the_number_has(rule: dict[str, Any]) -> None:
    outermost = promql.parse(rule["expr"])
    while isinstance(outermost, promql.BinaryExpr):
        outermost = outermost.lhs
    modifier = outermost.modifier if isinstance(outermost, promql.AggregateExpr) else None
    known = {"$value", *(f"$labels.{label}" for label in (modifier.labels if modifier else ()))}

    told = re.findall(r"\{\{\s*(.+?)\s*\}\}", " ".join(rule["annotations"].values()))

    assert {words.partition("|")[0].strip() for words in told} <= known
    assert {words.partition("|")[2].strip() for words in told} <= {
        "",
        "humanizeDuration",
        "humanizePercentage",
    }


def test_every_failure_that_needs_somebody_has_a_rule() -> None:
    assert set().union(*(names(rule["expr"]) for rule in RULES)) >= FAILURES


def test_pages_that_a_rule_leaves_out_are_pages(tmp_path_factory: pytest.TempPathFactory) -> None:
    selectors = [selector for rule in RULES for selector, _ in asked(rule["expr"])]
    left_out = {it.value for found in selectors for it in found.matchers.matchers if it.name == "what"}
    assert left_out
    with running(tmp_path_factory.mktemp("pages")) as served:
        for path in "|".join(left_out).split("|"):
            assert served.http.get(f"{served.address}{path}").status_code == 200


def test_prometheus_reads_the_rules_and_sees_within_a_minute() -> None:
    asking = [CONFIGURATION["global"][name] for name in ("scrape_interval", "evaluation_interval")]
    (job,) = CONFIGURATION["scrape_configs"]

    assert [FOLDER / name for name in CONFIGURATION["rule_files"]] == [FOLDER / "alerts.yaml"]
    assert sum(promql.parse_duration(each).total_seconds() for each in asking) <= 30
    assert job["job_name"] == JOB


def test_every_rule_has_a_story_that_fires_it() -> None:
    told = str(STORIES)

    assert [rule["alert"] for rule in RULES if rule["alert"] not in told] == []


@pytest.mark.parametrize(
    "words", [("check", "config", "prometheus.yaml"), ("test", "rules", "alerts.test.yaml")]
)
def test_promtool_agrees(words: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: the rules' stories are not played")

    done = subprocess.run([promtool, *words], cwd=FOLDER, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
