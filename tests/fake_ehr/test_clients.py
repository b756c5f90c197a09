"""Clients that others have written work with it."""

from typing import Any

from fhirclient.client import FHIRClient
from fhirclient.models.servicerequest import ServiceRequest
from fhirpy import SyncFHIRClient

from tests.fake_ehr.served import SYSTEM, Served, order


def test_fhirpy_creates_searches_and_pages(ehr: Served) -> None:
    client = SyncFHIRClient(ehr.address)
    for number in range(5):
        said = {**order(f"py-{number}"), "subject": {"reference": "Patient/py"}}
        resource: Any = client.resource(said.pop("resourceType"), **said)
        resource.save()
        assert resource.id

    found = client.resources("ServiceRequest").search(patient="Patient/py").limit(2).fetch_all()

    assert len(found) == 5
    one = client.resources("ServiceRequest").search(identifier=f"{SYSTEM}|py-3").get()
    one["priority"] = "urgent"
    one.save()
    assert ehr.http.get(f"/ServiceRequest/{one.id}").json()["priority"] == "urgent"


def test_fhirclient_reads_and_searches(ehr: Served) -> None:
    ehr.ehr.put(order("client", id="client-1"))
    smart = FHIRClient(settings={"app_id": "test", "api_base": ehr.address})

    read = ServiceRequest.read("client-1", smart.server)
    found = ServiceRequest.where({"identifier": f"{SYSTEM}|client"}).perform_resources_iter(smart.server)

    assert read.identifier[0].value == "client"
    assert [one.id for one in found] == ["client-1"]
