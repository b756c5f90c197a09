"""A CDS client: calls hooks with what it would have prefetched, and looks at every card it gets."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest

from referral_service.clinic.chart import build
from tests.cds_hooks.form import faults_of
from tests.kit.server import Running

Json = dict[str, Any]
ICD_10_CM, CPT = "http://hl7.org/fhir/sid/icd-10-cm", "http://www.ama-assn.org/go/cpt"
LUMBAR_MRI, KNEE_MRI, LUMBAR_FUSION, EPIDURAL = "72148", "73721", "22612", "62323"
NEUROSURGEON = ("http://snomed.info/sct", "308482002")


@dataclass(frozen=True)
class Client:
    """One CDS client of a served service."""

    server: Running
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where the services are."""
        return f"{self.server.address}/cds-services"

    def chart(self, patient: str, *given: Json) -> list[Json]:
        """A story about a patient, told as of today."""
        day = self.server.service.clock.as_of().date()
        return build({"id": patient, "given": list(given)}, day)

    def templates(self) -> dict[str, str]:
        """What the services want prefetched."""
        answer = httpx.get(self.address, headers=dict(self.headers))
        assert answer.status_code == 200, answer.text
        found: dict[str, str] = answer.json()["services"][0]["prefetch"]
        return found

    def prefetch(self, chart: Iterable[Json]) -> Json:
        """Every template with what it finds in the chart; None where there is nothing."""
        return prefetched(self.templates(), chart)

    def post(self, path: str, said: Any) -> httpx.Response:
        """What is answered, whatever it is; bytes go as they are."""
        headers = {"Content-Type": "application/json", **self.headers}
        sent: Any = {"content": said} if isinstance(said, bytes) else {"json": said}
        return httpx.post(f"{self.address}/{path}", headers=headers, timeout=30.0, **sent)

    def cards(self, said: Json) -> list[Json]:
        """The cards of a call that is understood, each of them as CDS Hooks wants it."""
        answer = self.post(said["hook"], said)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        found: Json = answer.json()
        assert faults_of(found) == []
        cards: list[Json] = found["cards"]
        return cards


def prefetched(templates: Mapping[str, str], chart: Iterable[Json]) -> Json:
    """As `Client.prefetch`, by the type that each template asks for; an Observation answers to both."""
    known = list(chart)
    found: Json = {}
    for key, template in templates.items():
        kind = template.partition("?")[0].partition("/")[0]
        here = [one for one in known if one["resourceType"] == kind]
        if key == "patient":
            found[key] = here[0] if here else None
        else:
            found[key] = bundle(here) if here else None
    return found


def bundle(resources: Sequence[Json]) -> Json:
    """A searchset."""
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": one, "search": {"mode": "match"}} for one in resources],
    }


def call(hook: str, patient: str, prefetch: Json | None = None, **context: Any) -> Json:
    """A call of a hook; with what was prefetched if that is given."""
    found = {
        "hook": hook,
        "hookInstance": str(uuid4()),
        "context": {"userId": "Practitioner/7", "patientId": patient, **context},
    }
    return found if prefetch is None else {**found, "prefetch": deepcopy(prefetch)}


def order(patient: str, code: str, system: str = CPT, **more: Any) -> Json:
    """A ServiceRequest about to be signed."""
    return {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "order",
        "code": {"coding": [{"system": system, "code": code}]},
        "subject": {"reference": f"Patient/{patient}"},
        **more,
    }


def drafts(*orders: Json) -> Json:
    """The Bundle of a hook's context, as clients write it: without the elements of a stored one."""
    return {"resourceType": "Bundle", "entry": [{"resource": one} for one in orders]}


@pytest.fixture
def client(server: Running) -> Client:
    """A client that nobody asks for a token."""
    return Client(server)
