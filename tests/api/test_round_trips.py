"""What is sent comes back: only id, meta and the references of a transaction may differ, not even a digit."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.charts import entry, new_id
from tests.api.generated import as_stored, patients, read, resources, written
from tests.api.hostile import Json
from tests.kit.server import FHIR_JSON, Running

ANN, REASON = "urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9", "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"
TYPED = {"content-type": FHIR_JSON}
forms = st.tuples(st.booleans(), st.sampled_from((None, 1)))


def resources_of(server: Running, url: str) -> list[Any]:
    """The resources of a Bundle, as they were written."""
    return [one["resource"] for one in read(server.http.get(url).content)["entry"]]


@given(resource=resources("Patient/ann"), form=forms)
def test_what_is_created_is_read_as_it_was_sent_wherever_it_is_read(
    server: Running, resource: Json, form: tuple[bool, int | None]
) -> None:
    text = written(resource, *form)
    answer = server.http.post(f"/{resource['resourceType']}", content=text.encode(), headers=TYPED)
    assert answer.status_code == 201, answer.text
    received = read(answer.content)
    assert received == as_stored(read(text), received)
    url = f"/{resource['resourceType']}/{received['id']}"
    assert read(server.http.get(url).content) == received
    assert read(server.http.get(f"{url}/_history/1").content) == received
    assert resources_of(server, f"{url}/_history") == [received]
    assert resources_of(server, f"/{resource['resourceType']}?_id={received['id']}") == [received]


@settings(max_examples=40)
@given(first=patients(), second=patients())
def test_each_version_is_read_as_it_was_sent(server: Running, first: Json, second: Json) -> None:
    url = f"/Patient/{new_id('again')}"
    sent = []
    for resource in (first, second):
        text = written({**resource, "id": url.rpartition("/")[2]})
        answer = server.http.put(url, content=text.encode(), headers=TYPED)
        assert answer.is_success, answer.text
        sent.append(as_stored(read(text), read(answer.content)))
    for version in sent:
        number = version["meta"]["versionId"]
        assert read(server.http.get(f"{url}/_history/{number}").content) == version


@settings(max_examples=40)
@given(one=resources(ANN), other=resources(ANN), who=patients())
def test_a_transaction_changes_nothing_but_references(
    server: Running, one: Json, other: Json, who: Json
) -> None:
    kept = {"identifier": [{"system": "urn:ietf:rfc:3986", "value": ANN}]}
    sent = [who | kept, one | kept, other]
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            entry("POST", resource["resourceType"], resource, full_url)
            for resource, full_url in zip(sent, (ANN, REASON, ""), strict=True)
        ],
    }
    answer = server.http.post("", content=written(bundle).encode(), headers=TYPED)
    assert answer.status_code == 200, answer.text
    places = [done["response"]["location"].partition("/_history")[0] for done in answer.json()["entry"]]
    for resource, place in zip(sent, places, strict=True):
        received = read(server.http.get(f"/{place}").content)
        moved = written(resource).replace(json.dumps({"reference": ANN})[1:-1], f'"reference": "{places[0]}"')
        assert received == as_stored(read(moved), received)
