"""R4's page on HTTP (https://hl7.org/fhir/R4/http.html) and its searches, a row a rule, on a live service."""

import re

import pytest

from tests.api.rule import Following, Json, Rule, values
from tests.api.rules_of_bundles import RULES_OF_BUNDLES
from tests.api.rules_of_conditions import RULES_OF_CONDITIONS
from tests.api.rules_of_content import RULES_OF_CONTENT
from tests.api.rules_of_histories import RULES_OF_HISTORIES
from tests.api.rules_of_posted_searches import RULES_OF_POSTED_SEARCHES
from tests.api.rules_of_preconditions import RULES_OF_PRECONDITIONS
from tests.api.rules_of_resources import RULES_OF_RESOURCES
from tests.api.rules_of_searches import RULES_OF_SEARCHES
from tests.kit.server import FHIR_JSON, Running

TABLES = (
    RULES_OF_RESOURCES,
    RULES_OF_HISTORIES,
    RULES_OF_PRECONDITIONS,
    RULES_OF_CONDITIONS,
    RULES_OF_CONTENT,
    RULES_OF_SEARCHES,
    RULES_OF_POSTED_SEARCHES,
    RULES_OF_BUNDLES,
)
RULES: dict[str, Rule] = {says: rule for table in TABLES for says, rule in table.items()}
ERROR = 400


def test_no_rule_hides_another_of_the_same_name() -> None:
    assert len(RULES) == sum(map(len, TABLES))


@pytest.mark.parametrize("says", RULES)
def test_the_rule_holds(server: Running, says: str) -> None:
    rule = RULES[says]
    following = Following(server)
    for request in rule.given:
        before = following.send(request)
        assert before.status_code < ERROR or before.status_code == 410, before.text
    stored = server.dump() if rule.status >= ERROR else None
    answer = following.send(rule.asked)
    assert answer.status_code == rule.status, answer.text
    for name, pattern in rule.headers.items():
        found = answer.headers.get(name, "")
        assert re.fullmatch(following.fill(pattern), found), f"{name}: {found}"
    body = answer.json() if answer.content else {}
    for path, expected in rule.body.items():
        found = values(body, path)
        assert len(found) == len(expected), f"{path}: {found}"
        for one, value in zip(expected, found, strict=True):
            assert following.matches(one, value), f"{path}: {found}"
    if answer.content:
        assert answer.headers["content-type"].startswith(FHIR_JSON)
    if stored is not None:
        assert server.dump() == stored
        assert rule.asked.method == "HEAD" or _is_error(body)


def _is_error(body: Json) -> bool:
    return body["resourceType"] == "OperationOutcome" and all(
        issue["severity"] == "error" for issue in body["issue"]
    )
