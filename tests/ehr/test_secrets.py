"""Neither the log nor an error holds a token, an address, a body or anything of a patient's."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog

from referral_service.core.problem import Problem
from referral_service.ehr.endpoint import Endpoint
from tests.ehr.conftest import Client
from tests.ehr.other_side import cuts_in_the_body, gives, other_side, page, patient, says
from tests.ehr.smart_side import server

# Each is put into a place of its own, in a process whose logs are as loud as they can be.
SECRETS = (
    "token-secret",
    "body-secret",
    "query-secret",
    "patient-secret",
    "link-secret",
    "127.0.0.1",
    "/fhir",
)
PROGRAM = """
import sys
from pathlib import Path
from referral_service.core.problem import Problem
from referral_service.ehr.client import EhrClient
from referral_service.ehr.endpoint import Endpoint, Limits
from referral_service.telemetry import set_up_logs
set_up_logs("debug")
login = {"client_id": "patient-secret", "key_file": Path(sys.argv[1])}
patient = {"resourceType": "Patient", "id": "patient-secret"}
for url in sys.argv[2:]:
    for more in ({}, {"bearer": "token-secret"}, login):
        ehr = EhrClient(Endpoint(url=url, **more), Limits(tries=2, backoff_seconds=0.01))
        for call in (
            lambda: ehr.read("Patient/patient-secret"),
            lambda: list(ehr.search("Patient", [("identifier", "query-secret")])),
            lambda: ehr.transaction({"resourceType": "Bundle", "id": "patient-secret"}),
            lambda: ehr.update(patient, "1"),
        ):
            try:
                call()
            except Problem as error:
                print("told:", error, error.issues, repr(error))
        ehr.close()
"""
REPLIES = [
    says(400, b"body-secret", Location="http://link-secret.example/"),
    says(500, b"body-secret"),
    says(200, b"body-secret"),
    says(302, Location="http://link-secret.example/"),
    says(302, Location="http://[link-secret"),
    gives(page(patient("body-secret"), onward="http://link-secret.example/")),
    gives(patient("body-secret")),
    cuts_in_the_body,
]


def test_no_secret_is_told(key_file: Path) -> None:
    granted = gives({"access_token": "token-secret", "expires_in": 300})
    with ExitStack() as stack:
        sides = [stack.enter_context(other_side(reply)) for reply in REPLIES]
        sides.append(stack.enter_context(server(granted, says(422, b"body-secret"))))
        sides.append(stack.enter_context(server(says(401, b"body-secret"))))
        words = [sys.executable, "-c", PROGRAM, key_file, *(side.fhir for side in sides)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.count("told:") > 50
    assert done.stderr.count("a call of the other side failed") > 50
    told = done.stdout + done.stderr
    assert [secret for secret in SECRETS if secret in told] == []


def test_a_failed_call_leaves_one_line_with_its_category(client: Client) -> None:
    with other_side(says(500), gives(patient("1")), says(500)) as side:
        ehr = client(side.fhir)
        with structlog.testing.capture_logs() as lines:
            assert ehr.read("Patient/1")
        assert lines == []
        with structlog.testing.capture_logs() as lines, pytest.raises(Problem):
            ehr.read("Patient/1")
    event = "a call of the other side failed"
    assert lines == [{"event": event, "category": "interrupted", "log_level": "warning"}]


def test_an_endpoint_shows_nothing_of_itself() -> None:
    assert repr(Endpoint(url="http://127.0.0.1/fhir", bearer="token-secret")) == "Endpoint(...)"
