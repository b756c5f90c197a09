"""Rules of the history of one resource."""

import re

from tests.api.rule import Rule, get, post
from tests.api.rules_of_resources import ANN, GONE, INSTANT, ONE_ISSUE, STORED, TWICE

STATUSES = "entry.response.status"

RULES_OF_HISTORIES: dict[str, Rule] = {
    "a history has the newest version first, deletions too": Rule(
        get("Patient/{id}/_history"),
        200,
        body={
            "type": ["history"],
            "total": [3],
            "entry.request.method": ["DELETE", "PUT", "PUT"],
            "entry.request.url": ["Patient/{id}"] * 3,
            "entry.response.etag": ['W/"3"', 'W/"2"', 'W/"1"'],
            "entry.resource.meta.versionId": ["2", "1"],
            "entry.fullUrl": ["{base}/Patient/{id}"] * 3,
        },
        given=GONE,
    ),
    "a history says which versions were posted": Rule(
        get("{made}/_history"),
        200,
        body={"entry.request.method": ["POST"], "entry.request.url": ["Patient"]},
        given=(post("Patient", ANN),),
    ),
    "each entry of a history says how it was answered": Rule(
        get("Patient/{id}/_history"),
        200,
        body={
            "entry.response.status": ["204 No Content", "200 OK", "201 Created"],
            "entry.response.lastModified": [INSTANT] * 3,
        },
        given=GONE,
    ),
    "a history links to itself and to its next page": Rule(
        get("Patient/{id}/_history?_count=1"),
        200,
        body={
            "link.relation": ["self", "next"],
            "link.url": [
                "{base}/Patient/{id}/_history?_count=1",
                re.compile(r"http://.*/_history\?_count=1&_before=3"),
            ],
            "total": [3],
        },
        given=GONE,
    ),
    "the last page of a history has no next": Rule(
        get("Patient/{id}/_history"), 200, body={"link.relation": ["self"]}, given=TWICE
    ),
    "a strict client is told what a history passes by": Rule(
        get("Patient/{id}/_history?_at=2026-01-01", prefer="handling=strict"),
        400,
        body={ONE_ISSUE: ["not-supported"]},
        given=(STORED,),
    ),
    "a history goes back to an instant": Rule(
        get("Patient/{id}/_history?_since=2020-01-01T00:00:00Z&_count=2", prefer="handling=strict"),
        200,
        body={
            "link.url": [
                "{base}/Patient/{id}/_history?_count=2&_since=2020-01-01T00%3A00%3A00Z",
                re.compile(r"http://.*_count=2&_since=2020-01-01T00%3A00%3A00Z&_before=2"),
            ],
            "entry.response.etag": ['W/"3"', 'W/"2"'],
            "total": [],
        },
        given=GONE,
    ),
    "a history since later than all is empty": Rule(
        get("Patient/{id}/_history?_since=2100&_count=1"),
        200,
        body={"entry": [], "link.relation": ["self"]},
        given=GONE,
    ),
    "a history since no instant is refused": Rule(
        get("Patient/{id}/_history?_since=lately"), 400, body={ONE_ISSUE: ["value"]}, given=(STORED,)
    ),
    "a history of no versions is counted all the same": Rule(
        get("Patient/{id}/_history?_count=0"),
        200,
        body={"entry": [], "link.relation": ["self"], "total": [3]},
        given=GONE,
    ),
    "a parameter of a history without a value is passed by": Rule(
        get("Patient/{id}/_history?_count=&_since=&_before="), 200, body={"total": [1]}, given=(STORED,)
    ),
    "a history gives as many versions as it can, however many are asked for": Rule(
        get("Patient/{id}/_history?_count=99999999999999999999"), 200, body={"total": [1]}, given=(STORED,)
    ),
    "what never was has no history": Rule(get("Patient/{id}/_history"), 404, body={ONE_ISSUE: ["not-found"]}),
    "a type has no history": Rule(get("Patient/_history"), 404, body={ONE_ISSUE: ["not-supported"]}),
    "the system has no history": Rule(get("_history"), 404, body={ONE_ISSUE: ["not-supported"]}),
}
