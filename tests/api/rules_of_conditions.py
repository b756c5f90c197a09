"""Rules of writes that depend on a search: conditional create, update, delete and references."""

import re

from tests.api.charts import Json, condition, entry, patient
from tests.api.rule import Rule, bundle, delete, get, post, put

MRN = [{"system": "urn:mrn", "value": "{mrn}"}]
ANN = patient(identifier=MRN)
CHANGED = patient(identifier=MRN, birthDate="1970-01-02")
ASKED = "identifier=urn:mrn|{mrn}"
STORED = post("Patient", ANN)
ODD = patient(identifier=[{"system": "urn:mrn", "value": "{mrn}?é"}])
ODDLY = post("Patient", ODD)
# Longer than any index of a database takes, in bytes if not in letters.
VERY = "{mrn}" + "é" * 2100
LONG = patient(identifier=[{"system": "urn:mrn", "value": VERY}])
ONE_ISSUE = "issue.code"
THE_FIRST = re.compile(r"[0-9a-f\-]{36}")


def later(reference: str) -> Json:
    """A transaction whose Condition names its patient by a search."""
    return bundle("transaction", entry("POST", "Condition", condition(reference)))


RULES_OF_CONDITIONS: dict[str, Rule] = {
    "a conditional create without a match creates": Rule(
        post("Patient", ANN, if_none_exist=ASKED), 201, {"etag": r'W/"1"', "location": "{base}/Patient/.+"}
    ),
    "a conditional create with one match answers 200 and its address, and stores nothing": Rule(
        post("Patient", CHANGED, if_none_exist=ASKED),
        200,
        {"location": "{location}", "etag": r'W/"1"'},
        {"birthDate": [], "meta.versionId": ["1"]},
        (STORED,),
    ),
    "a conditional create with several matches is refused": Rule(
        post("Patient", ANN, if_none_exist=ASKED),
        412,
        body={ONE_ISSUE: ["multiple-matches"]},
        given=(STORED, STORED),
    ),
    "a deleted resource meets no condition": Rule(
        post("Patient", ANN, if_none_exist=ASKED), 201, given=(STORED, delete("{made}"))
    ),
    "a condition may be written with the type before it": Rule(
        post("Patient", CHANGED, if_none_exist=f"Patient?{ASKED}"),
        200,
        {"location": "{location}"},
        {},
        (STORED,),
    ),
    "a condition of another type is refused": Rule(
        post("Patient", ANN, if_none_exist=f"Condition?{ASKED}"), 400, body={ONE_ISSUE: ["value"]}
    ),
    "a condition may hold a question mark": Rule(
        post("Patient", ODD, if_none_exist="identifier=urn:mrn|{mrn}?é"),
        200,
        {"etag": r'W/"1"'},
        {},
        (ODDLY,),
    ),
    "so may the condition of an entry": Rule(
        post(
            "", bundle("transaction", entry("POST", "Patient", ODD, ifNoneExist="identifier=urn:mrn|{mrn}?é"))
        ),
        200,
        body={"entry.response.status": ["200 OK"], "entry.response.location": ["{made}/_history/1"]},
        given=(ODDLY,),
    ),
    "the condition of an entry may be written with the type before it": Rule(
        post("", bundle("transaction", entry("POST", "Patient", CHANGED, ifNoneExist=f"Patient?{ASKED}"))),
        200,
        body={"entry.response.status": ["200 OK"]},
        given=(STORED,),
    ),
    "a condition of an entry that asks for another type is refused": Rule(
        post(
            "",
            bundle(
                "transaction",
                entry("POST", "Patient", ANN, ifNoneExist=f"Condition?{ASKED}&recorded-date=2026-01-01"),
            ),
        ),
        400,
        body={ONE_ISSUE: ["value"], "issue.expression": ["Bundle.entry[0].request.ifNoneExist"]},
    ),
    "an empty condition of an entry is refused, since passing it by would make a duplicate": Rule(
        post("", bundle("transaction", entry("POST", "Patient", ANN, ifNoneExist="Patient?"))),
        400,
        body={"issue.expression": ["Bundle.entry[0].request.ifNoneExist"]},
    ),
    "in a batch it is refused alone": Rule(
        post("", bundle("batch", entry("POST", "Patient", ANN, ifNoneExist="?"))),
        200,
        body={
            "entry.response.status": ["400 Bad Request"],
            "entry.response.outcome.issue.expression": ["Bundle.entry[0].request.ifNoneExist"],
        },
    ),
    "a condition with an empty parameter is refused, though a search passes it by": Rule(
        post("Patient", ANN, if_none_exist=f"{ASKED}&_id="), 400, body={ONE_ISSUE: ["value"]}
    ),
    "an identifier too long for an index meets a condition too": Rule(
        post("Patient", LONG, if_none_exist=f"identifier=urn:mrn|{VERY}"), 200, given=(post("Patient", LONG),)
    ),
    "an empty condition is refused": Rule(
        post("Patient", ANN, if_none_exist=""), 400, body={ONE_ISSUE: ["value"]}
    ),
    "a condition must be understood as a whole": Rule(
        post("Patient", ANN, if_none_exist=f"{ASKED}&hair=red"), 400, body={ONE_ISSUE: ["not-supported"]}
    ),
    "a condition of a create in the URL is refused, since passing it by would make a duplicate": Rule(
        post(f"Patient?{ASKED}", ANN), 400, body={ONE_ISSUE: ["not-supported"]}, given=(STORED,)
    ),
    "a transaction writes whatever version there is, or nothing where there is none": Rule(
        post("", bundle("transaction", entry("PUT", "Patient/{id}", patient("{id}"), ifMatch="*"))),
        412,
        body={ONE_ISSUE: ["conflict"]},
    ),
    "a condition that narrows nothing is refused": Rule(
        post("Patient", ANN, if_none_exist="_count=1"), 400, body={ONE_ISSUE: ["value"]}
    ),
    "a conditional update without match or id creates under a new id": Rule(
        put(f"Patient?{ASKED}", ANN),
        201,
        {"location": "{base}/Patient/.+/_history/1"},
        {"id": [THE_FIRST], "meta.versionId": ["1"]},
    ),
    "a conditional update without match creates under the id that it brings": Rule(
        put(f"Patient?{ASKED}", patient("{id}", identifier=MRN)),
        201,
        {"location": "{base}/Patient/{id}/_history/1"},
        {"id": ["{id}"]},
    ),
    "a conditional update without match overwrites nothing under the id that it brings": Rule(
        put(f"Patient?{ASKED}", patient("{id}", identifier=MRN)),
        412,
        body={ONE_ISSUE: ["conflict"]},
        given=(put("Patient/{id}", patient("{id}")),),
    ),
    "nor does one in a transaction": Rule(
        post("", bundle("transaction", entry("PUT", f"Patient?{ASKED}", patient("{id}", identifier=MRN)))),
        412,
        body={ONE_ISSUE: ["conflict"], "issue.expression": ["Bundle.entry[0].request"]},
        given=(put("Patient/{id}", patient("{id}")),),
    ),
    "nor one in a batch": Rule(
        post("", bundle("batch", entry("PUT", f"Patient?{ASKED}", patient("{id}", identifier=MRN)))),
        200,
        body={"entry.response.status": ["412 Precondition Failed"]},
        given=(put("Patient/{id}", patient("{id}")),),
    ),
    "a conditional update without match brings back what was deleted under its id": Rule(
        put(f"Patient?{ASKED}", patient("{id}", identifier=MRN)),
        201,
        {"etag": r'W/"3"'},
        given=(put("Patient/{id}", patient("{id}")), delete("Patient/{id}")),
    ),
    "a conditional update with one match and no id updates it": Rule(
        put(f"Patient?{ASKED}", CHANGED),
        200,
        {"etag": r'W/"2"', "location": "{base}/{made}/_history/2"},
        {"birthDate": ["1970-01-02"], "id": [THE_FIRST]},
        (STORED,),
    ),
    "a conditional update with one match and its id updates it": Rule(
        put(f"Patient?{ASKED}", patient("{id}", identifier=MRN, birthDate="1970-01-02")),
        200,
        {"etag": r'W/"2"'},
        {"id": ["{id}"]},
        (put("Patient/{id}", patient("{id}", identifier=MRN)),),
    ),
    "a conditional update with one match and another id is refused": Rule(
        put(f"Patient?{ASKED}", patient("{other}", identifier=MRN)),
        400,
        body={"issue.expression": ["Patient.id"]},
        given=(STORED,),
    ),
    "a conditional update with several matches is refused": Rule(
        put(f"Patient?{ASKED}", ANN), 412, body={ONE_ISSUE: ["multiple-matches"]}, given=(STORED, STORED)
    ),
    "a conditional update honours If-Match": Rule(
        put(f"Patient?{ASKED}", CHANGED, if_match='W/"7"'),
        412,
        body={ONE_ISSUE: ["conflict"]},
        given=(STORED,),
    ),
    "a conditional update without any condition is refused": Rule(
        put("Patient", ANN), 400, body={ONE_ISSUE: ["value"]}
    ),
    "a conditional update to the same content makes no version": Rule(
        put(f"Patient?{ASKED}", ANN), 200, {"etag": r'W/"1"'}, {}, (STORED,)
    ),
    "a conditional deletion is not among the interactions": Rule(
        delete(f"Patient?{ASKED}"), 405, {"allow": "GET, HEAD, POST, PUT"}, {}, (STORED,)
    ),
    "a conditional reference in a transaction becomes the one match": Rule(
        get("Condition?patient={first}"),
        200,
        body={"total": [1], "entry.resource.subject.reference": ["{first}"]},
        given=(STORED, post("", later(f"Patient?{ASKED}"))),
    ),
    "a conditional reference without a match fails the transaction": Rule(
        post("", later(f"Patient?{ASKED}")),
        412,
        body={
            ONE_ISSUE: ["not-found"],
            "issue.expression": ["Bundle.entry[0].resource.subject.reference"],
        },
    ),
    "a conditional reference with several matches fails the transaction": Rule(
        post("", later(f"Patient?{ASKED}")),
        412,
        body={ONE_ISSUE: ["multiple-matches"]},
        given=(STORED, STORED),
    ),
    "a conditional create in a transaction finds what is stored": Rule(
        post("", bundle("transaction", entry("POST", "Patient", CHANGED, ifNoneExist=ASKED))),
        200,
        body={"entry.response.status": ["200 OK"], "entry.response.location": ["{made}/_history/1"]},
        given=(STORED,),
    ),
    "a conditional update in a transaction updates what is stored": Rule(
        post("", bundle("transaction", entry("PUT", f"Patient?{ASKED}", CHANGED))),
        200,
        body={"entry.response.status": ["200 OK"], "entry.response.location": ["{made}/_history/2"]},
        given=(STORED,),
    ),
    "the same condition twice in a transaction is one resource, written once": Rule(
        post(
            "",
            bundle(
                "transaction",
                entry("POST", "Patient", ANN, ifNoneExist=ASKED),
                entry("POST", "Patient", CHANGED, ifNoneExist=ASKED),
            ),
        ),
        200,
        body={"entry.response.status": ["201 Created", "200 OK"]},
    ),
    "conditions in a batch are met each by itself": Rule(
        post(
            "",
            bundle(
                "batch",
                entry("POST", "Patient", CHANGED, ifNoneExist=ASKED),
                entry("PUT", f"Patient?{ASKED}", CHANGED),
            ),
        ),
        200,
        body={"entry.response.status": ["200 OK", "200 OK"], "entry.response.etag": ['W/"1"', 'W/"2"']},
        given=(STORED,),
    ),
}
