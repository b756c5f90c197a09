"""The OpenAPI description: it names what is declared, and nothing that is asked as it says fails."""

import re
from collections import Counter
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from tests.api.test_capabilities import SMALLEST
from tests.kit.server import Running

CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]
BOUNDED = settings(
    max_examples=4,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def with_what_its_type_requires(body: Any) -> Any:
    """A generated resource, made such that some are stored."""
    if isinstance(body, dict) and body.get("resourceType") in SMALLEST:
        return {**SMALLEST[body["resourceType"]], **body}
    return body


def test_nothing_that_is_described_fails(server: Running) -> None:
    schema = schemathesis.openapi.from_url(f"{server.address}/openapi.json")
    statuses: Counter[int] = Counter()
    for found in schema.get_all_operations():
        operation = found.ok()

        @BOUNDED
        @given(operation.as_strategy())
        def ask(case: Any) -> None:
            case.body = with_what_its_type_requires(case.body)
            answer = case.call()
            statuses[answer.status_code] += 1
            case.validate_response(answer, checks=CHECKS)

        ask()
    assert statuses[200] and statuses[201] and statuses[204], statuses


def test_the_description_names_what_is_declared(server: Running) -> None:
    paths = server.http.get(f"{server.address}/openapi.json").json()["paths"]
    for declared in server.http.get("/metadata").json()["rest"][0]["resource"]:
        kind, codes = declared["type"], {one["code"] for one in declared["interaction"]}
        summaries = {
            operation["summary"].partition(" ")[0]
            for address, operations in paths.items()
            if re.match(rf"/fhir/(Patient/{{id}}/)?{kind}(/|$)", address)
            for operation in operations.values()
            if operation["summary"].endswith(f" {kind}")
        }
        assert summaries == codes | {f"${one['name']}" for one in declared.get("operation", ())}
        asked = {one["name"] for one in paths[f"/fhir/{kind}"]["get"]["parameters"] if one["in"] == "query"}
        assert asked == {one["name"] for one in declared["searchParam"]} | {"_count", "_sort"}
