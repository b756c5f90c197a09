"""Rules of conditional requests by time (RFC 9110, 13.1.4), and of what a returning resource is answered."""

from tests.api.charts import entry, patient
from tests.api.rule import Rule, bundle, delete, get, post, put

ANN = patient("{id}", birthDate="1970-01-01")
CHANGED = patient("{id}", birthDate="1970-01-02")
STORED = put("Patient/{id}", ANN)
GONE = (STORED, delete("Patient/{id}"))
BACK = (*GONE, STORED)
LONG_AGO = "Thu, 01 Jan 1970 00:00:00 GMT"
ONE_ISSUE = "issue.code"
STATUSES = "entry.response.status"
COMING_BACK = post("", bundle("transaction", entry("PUT", "Patient/{id}", ANN)))

RULES_OF_PRECONDITIONS: dict[str, Rule] = {
    "an update of what was not changed since is done": Rule(
        put("Patient/{id}", CHANGED, if_unmodified_since="{modified}"), 200, {"etag": r'W/"2"'}, {}, (STORED,)
    ),
    "an update of what was changed since is refused": Rule(
        put("Patient/{id}", CHANGED, if_unmodified_since=LONG_AGO),
        412,
        body={ONE_ISSUE: ["conflict"]},
        given=(STORED,),
    ),
    "a deletion of what was changed since is refused": Rule(
        delete("Patient/{id}", if_unmodified_since=LONG_AGO),
        412,
        body={ONE_ISSUE: ["conflict"]},
        given=(STORED,),
    ),
    "a deletion of what was not changed since is done": Rule(
        delete("Patient/{id}", if_unmodified_since="{modified}"), 204, given=(STORED,)
    ),
    "a conditional update of what was changed since is refused": Rule(
        put("Patient?_id={id}", CHANGED, if_unmodified_since=LONG_AGO), 412, given=(STORED,)
    ),
    "what is not there was not changed since": Rule(
        put("Patient/{id}", ANN, if_unmodified_since=LONG_AGO), 201
    ),
    "what was deleted is not there": Rule(
        put("Patient/{id}", ANN, if_unmodified_since=LONG_AGO), 201, given=GONE
    ),
    "If-Match goes before If-Unmodified-Since": Rule(
        put("Patient/{id}", CHANGED, if_match='W/"1"', if_unmodified_since=LONG_AGO), 200, given=(STORED,)
    ),
    "a malformed If-Unmodified-Since is as none": Rule(
        put("Patient/{id}", CHANGED, if_unmodified_since="yesterday"), 200, given=(STORED,)
    ),
    "an entry is not held to the time of the whole request": Rule(
        post(
            "",
            bundle("transaction", entry("PUT", "Patient/{id}", CHANGED)),
            if_unmodified_since=LONG_AGO,
        ),
        200,
        given=(STORED,),
    ),
    "a transaction that brings a resource back has created it": Rule(
        COMING_BACK,
        200,
        body={STATUSES: ["201 Created"], "entry.response.etag": ['W/"3"']},
        given=GONE,
    ),
    "a transaction that changes what had come back has not": Rule(
        post("", bundle("transaction", entry("PUT", "Patient/{id}", CHANGED))),
        200,
        body={STATUSES: ["200 OK"]},
        given=BACK,
    ),
    "a conditional update that brings a resource back has created it": Rule(
        put("Patient?identifier={mrn}", ANN), 201, {"etag": r'W/"3"'}, {}, GONE
    ),
    "a history says that what came back was created": Rule(
        get("Patient/{id}/_history"),
        200,
        body={STATUSES: ["200 OK", "201 Created", "204 No Content", "201 Created"]},
        given=(*BACK, put("Patient/{id}", CHANGED)),
    ),
    "so does its page": Rule(
        get("Patient/{id}/_history?_count=1"), 200, body={STATUSES: ["201 Created"]}, given=BACK
    ),
    "a history before the first version is empty": Rule(
        get("Patient/{id}/_history?_before=1"), 200, body={"entry": [], "total": [3]}, given=BACK
    ),
    "the statement says how a Task is patched": Rule(
        get("metadata"), 200, body={"patchFormat": ["application/json-patch+json"]}
    ),
    "whoever has the statement of capabilities is told so": Rule(
        get("metadata", if_none_match="{etag}"), 304, {"etag": r'W/"[0-9a-f]{32}"'}, {}, (get("metadata"),)
    ),
    "whoever has another statement gets this one": Rule(
        get("metadata", if_none_match='W/"1"'),
        200,
        {"etag": r'W/"[0-9a-f]{32}"'},
        {"resourceType": ["CapabilityStatement"]},
    ),
}
