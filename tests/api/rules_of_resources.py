"""Rules of single resources: create, read, vread, update and delete."""

import re

from tests.api.charts import patient
from tests.api.rule import Request, Rule, delete, get, post, put

ANN = patient("{id}", birthDate="1970-01-01")
CHANGED = patient("{id}", birthDate="1970-01-02")
STORED = put("Patient/{id}", ANN)
TWICE = (STORED, put("Patient/{id}", CHANGED))
GONE = (*TWICE, delete("Patient/{id}"))

WEAK = r'W/"1"'
HTTP_DATE = r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"
INSTANT = re.compile(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LONG_AGO = "Thu, 01 Jan 1970 00:00:00 GMT"
ONE_ISSUE = "issue.code"
UUID = re.compile(r"[0-9a-f\-]{36}")

RULES_OF_RESOURCES: dict[str, Rule] = {
    # create
    "a create is answered 201 with the new address, the version in it": Rule(
        post("Patient", patient()),
        201,
        {"location": "{base}/Patient/[0-9a-f-]{36}/_history/1", "etag": WEAK, "last-modified": HTTP_DATE},
    ),
    "the server makes id, version and time of a created resource": Rule(
        post("Patient", patient()),
        201,
        body={"id": [UUID], "meta.versionId": ["1"], "meta.lastUpdated": [INSTANT]},
    ),
    "the id that a create brings is ignored": Rule(
        post("Patient", patient("{id}")), 201, body={"id": [UUID], "resourceType": ["Patient"]}
    ),
    "the version and the time that a create brings are ignored, the rest of meta is kept": Rule(
        post(
            "Patient",
            patient(
                meta={
                    "versionId": "77",
                    "lastUpdated": "1999-01-01T00:00:00Z",
                    "tag": [{"system": "urn:tags", "code": "kept"}],
                }
            ),
        ),
        201,
        body={"meta.versionId": ["1"], "meta.lastUpdated": [INSTANT], "meta.tag.code": ["kept"]},
    ),
    "a create goes to the type of its resource": Rule(
        post("Condition", patient()), 400, body={"issue.expression": ["resourceType"]}
    ),
    "a create has no id in its address": Rule(
        post("Patient/{id}", ANN), 405, {"allow": "GET, HEAD, PUT, DELETE"}, {ONE_ISSUE: ["not-supported"]}
    ),
    "the address that a create names can be read": Rule(
        get("{made}"), 200, {"etag": WEAK}, {"birthDate": ["1970-01-01"]}, (post("Patient", ANN),)
    ),
    # read
    "a read is answered with the version as weak ETag and its time": Rule(
        get("Patient/{id}"),
        200,
        {"etag": r'W/"2"', "last-modified": HTTP_DATE, "location": ""},
        {"id": ["{id}"], "meta.versionId": ["2"], "meta.lastUpdated": [INSTANT]},
        TWICE,
    ),
    "what never was is not found": Rule(get("Patient/{id}"), 404, body={ONE_ISSUE: ["not-found"]}),
    "what was deleted is gone": Rule(get("Patient/{id}"), 410, body={ONE_ISSUE: ["deleted"]}, given=GONE),
    "an id is compared with its case": Rule(
        get("Patient/X-{id}"), 404, given=(put("Patient/x-{id}", patient("x-{id}")),)
    ),
    "what is no id is not found": Rule(get("Patient/a_b"), 404, body={ONE_ISSUE: ["not-found"]}),
    "an id has at most 64 characters": Rule(get(f"Patient/{'x' * 65}"), 404, body={ONE_ISSUE: ["not-found"]}),
    "a type's name is compared with its case": Rule(
        get("patient/{id}"), 404, body={ONE_ISSUE: ["not-supported"]}, given=(STORED,)
    ),
    "a reader who has the version is told so, without a body": Rule(
        get("Patient/{id}", if_none_match='W/"1"'),
        304,
        {"etag": WEAK, "last-modified": HTTP_DATE},
        {},
        (STORED,),
    ),
    "If-None-Match compares weakly": Rule(
        get("Patient/{id}", if_none_match='"1"'), 304, {"etag": WEAK}, {}, (STORED,)
    ),
    "If-None-Match may come in two lines": Rule(
        get("Patient/{id}", if_none_match='W/"1"\nW/"7"'), 304, given=(STORED,)
    ),
    "If-None-Match may name several versions": Rule(
        get("Patient/{id}", if_none_match='W/"7", W/"1"'), 304, given=(STORED,)
    ),
    "a reader who has an older version gets the current one": Rule(
        get("Patient/{id}", if_none_match='W/"1"'), 200, {"etag": r'W/"2"'}, {}, TWICE
    ),
    "a reader who has read since the last change is told so": Rule(
        get("Patient/{id}", if_modified_since="{modified}"), 304, given=(STORED,)
    ),
    "a reader who has read before the last change gets it": Rule(
        get("Patient/{id}", if_modified_since=LONG_AGO), 200, given=(STORED,)
    ),
    "If-None-Match goes before If-Modified-Since": Rule(
        get("Patient/{id}", if_none_match='W/"1"', if_modified_since="{modified}"), 200, given=TWICE
    ),
    "a malformed If-Modified-Since is as none": Rule(
        get("Patient/{id}", if_modified_since="yesterday"), 200, given=(STORED,)
    ),
    "a HEAD is answered as a GET, without a body": Rule(
        Request("HEAD", "Patient/{id}"),
        200,
        {"etag": WEAK, "last-modified": HTTP_DATE, "content-length": r"[1-9]\d*"},
        given=(STORED,),
    ),
    "a HEAD of what was deleted is gone": Rule(Request("HEAD", "Patient/{id}"), 410, given=GONE),
    # vread
    "an old version can be read for ever": Rule(
        get("Patient/{id}/_history/1"),
        200,
        {"etag": WEAK},
        {"birthDate": ["1970-01-01"], "meta.versionId": ["1"]},
        TWICE,
    ),
    "an old version can be read after the deletion": Rule(
        get("Patient/{id}/_history/2"), 200, {"etag": r'W/"2"'}, {"birthDate": ["1970-01-02"]}, GONE
    ),
    "the version that is the deletion is gone": Rule(
        get("Patient/{id}/_history/3"), 410, body={ONE_ISSUE: ["deleted"]}, given=GONE
    ),
    "a version that the client has is not sent again": Rule(
        get("Patient/{id}/_history/1", if_none_match='W/"1"'), 304, {"etag": r'W/"1"'}, given=TWICE
    ),
    "a version that has not changed since is not sent again": Rule(
        get("Patient/{id}/_history/1", if_modified_since="{modified}"), 304, given=(STORED,)
    ),
    "another version than the client has is sent": Rule(
        get("Patient/{id}/_history/1", if_none_match='W/"2"'), 200, given=TWICE
    ),
    "a version that never was is not found": Rule(get("Patient/{id}/_history/9"), 404, given=(STORED,)),
    "a version has no zeros before it": Rule(get("Patient/{id}/_history/01"), 404, given=(STORED,)),
    "a version of another resource is not found": Rule(
        get("Condition/{id}/_history/1"), 404, given=(STORED,)
    ),
    # update
    "an update is answered 200 with the new version": Rule(
        put("Patient/{id}", CHANGED),
        200,
        {"etag": r'W/"2"', "last-modified": HTTP_DATE},
        {"birthDate": ["1970-01-02"], "meta.versionId": ["2"]},
        (STORED,),
    ),
    "an update of what is not there creates it under the client's id": Rule(
        put("Patient/{id}", ANN),
        201,
        {"location": "{base}/Patient/{id}/_history/1", "etag": WEAK},
        {"id": ["{id}"]},
    ),
    "an update without an id in the body is refused": Rule(
        put("Patient/{id}", patient()), 400, body={"issue.expression": ["Patient.id"]}, given=(STORED,)
    ),
    "an update with another id in the body is refused": Rule(
        put("Patient/{id}", patient("{other}")), 400, body={"issue.expression": ["Patient.id"]}
    ),
    "an update goes to the type of its resource": Rule(
        put("Condition/{id}", ANN), 400, body={"issue.expression": ["resourceType"]}
    ),
    "the version and the time that an update brings are ignored": Rule(
        put("Patient/{id}", {**CHANGED, "meta": {"versionId": "9", "lastUpdated": "2001-01-01T00:00:00Z"}}),
        200,
        {"etag": r'W/"2"'},
        {"meta.versionId": ["2"], "meta.lastUpdated": [INSTANT]},
        (STORED,),
    ),
    "an update to the same content makes no version": Rule(
        put("Patient/{id}", ANN), 200, {"etag": WEAK}, {"meta.versionId": ["1"]}, (STORED,)
    ),
    "so does one whose members stand in another order": Rule(
        put("Patient/{id}", dict(reversed(ANN.items()))),
        200,
        {"etag": WEAK},
        {"meta.versionId": ["1"]},
        (STORED,),
    ),
    "an update of the version that the client knows is done": Rule(
        put("Patient/{id}", CHANGED, if_match="{etag}"), 200, {"etag": r'W/"2"'}, {}, (STORED,)
    ),
    "an update of one of the versions that the client knows is done": Rule(
        put("Patient/{id}", ANN, if_match='W/"1", W/"2"'), 200, {"etag": r'W/"3"'}, {}, TWICE
    ),
    "an update of none of the versions that the client knows is refused": Rule(
        put("Patient/{id}", ANN, if_match='W/"1", W/"7"'), 412, body={ONE_ISSUE: ["conflict"]}, given=TWICE
    ),
    "an update that insists on there being none is done where it was deleted": Rule(
        put("Patient/{id}", ANN, if_none_match="*"), 201, {"etag": r'W/"4"'}, {}, GONE
    ),
    "an update of the version that is a deletion is refused": Rule(
        put("Patient/{id}", ANN, if_match='W/"3"'), 412, body={ONE_ISSUE: ["conflict"]}, given=GONE
    ),
    "an update of whatever version there is, is done": Rule(
        put("Patient/{id}", CHANGED, if_match="*"), 200, {"etag": r'W/"2"'}, {}, (STORED,)
    ),
    "an update of whatever version there is, is refused where there is none": Rule(
        put("Patient/{id}", ANN, if_match="*"), 412, body={ONE_ISSUE: ["conflict"]}
    ),
    "an update of another version than the client knows is refused": Rule(
        put("Patient/{id}", ANN, if_match='W/"1"'), 412, body={ONE_ISSUE: ["conflict"]}, given=TWICE
    ),
    "an update that expects a version of what is not there is refused": Rule(
        put("Patient/{id}", ANN, if_match='W/"1"'), 412, body={ONE_ISSUE: ["conflict"]}
    ),
    "an update that insists on there being none is refused where there is one": Rule(
        put("Patient/{id}", CHANGED, if_none_match="*"), 412, body={ONE_ISSUE: ["conflict"]}, given=(STORED,)
    ),
    "an update brings a deleted resource back, which creates it": Rule(
        put("Patient/{id}", ANN),
        201,
        {"etag": r'W/"4"', "location": "{base}/Patient/{id}/_history/4"},
        {"meta.versionId": ["4"]},
        GONE,
    ),
    "an update after that is none that creates": Rule(
        put("Patient/{id}", CHANGED), 200, {"etag": r'W/"5"'}, {}, (*GONE, put("Patient/{id}", ANN))
    ),
    "a patch is not among the interactions": Rule(
        Request("PATCH", "Patient/{id}", {}), 405, {"allow": "GET, HEAD, PUT, DELETE"}, {}, (STORED,)
    ),
    # delete
    "a deletion is answered 204 without a body": Rule(delete("Patient/{id}"), 204, given=(STORED,)),
    "a deletion of what was deleted changes nothing": Rule(delete("Patient/{id}"), 204, given=GONE),
    "a deletion of what never was changes nothing": Rule(delete("Patient/{id}"), 204),
    "a deletion of another version than the client knows is refused": Rule(
        delete("Patient/{id}", if_match='W/"1"'), 412, body={ONE_ISSUE: ["conflict"]}, given=TWICE
    ),
    "a deletion of the version that is a deletion is refused": Rule(
        delete("Patient/{id}", if_match='W/"3"'), 412, body={ONE_ISSUE: ["conflict"]}, given=GONE
    ),
    "a deletion of whatever version there is, is done": Rule(
        delete("Patient/{id}", if_match="*"), 204, given=(STORED,)
    ),
    "a deletion of whatever version there is, is refused where there is none": Rule(
        delete("Patient/{id}", if_match="*"), 412, body={ONE_ISSUE: ["conflict"]}
    ),
    "what was deleted is not found by a search": Rule(
        get("Patient?_id={id}"), 200, body={"total": [0], "entry": []}, given=GONE
    ),
    "a type is not deleted as a whole": Rule(delete("Patient"), 405, {"allow": "GET, HEAD, POST, PUT"}),
}
