"""Rules of batches and transactions: order, independence, all or nothing, references, answers."""

import re

from tests.api.charts import Json, condition, entry, patient, therapy
from tests.api.rule import Rule, bundle, delete, get, post, put

MOTHER = "urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9"
REASON = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"
STORED = put("Patient/{id}", patient("{id}"))
STATUSES = "entry.response.status"
ONE_ISSUE = "issue.code"
ISSUES = "entry.response.outcome.issue.code"
THERE = "There already; nothing was stored."
MRN = [{"system": "urn:mrn", "value": "{mrn}"}]
NO_DAY = therapy("Patient/{id}", "2024-02-30")
INSTANT = re.compile(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def sent(kind: str, *entries: Json) -> Json:
    """The Bundle, with a good first entry."""
    return bundle(kind, entry("PUT", "Patient/{other}", patient("{other}")), *entries)


CHART = bundle(
    "transaction",
    entry("POST", "Condition", condition(MOTHER, id="{id}"), REASON),
    entry("PUT", "Patient/{id}", patient("{id}"), MOTHER),
)
MIXED = (
    entry("GET", "Patient/{id}"),
    entry("PUT", "Patient/{id}", patient("{id}", birthDate="1980")),
    entry("POST", "Condition", condition("Patient/{id}")),
    entry("DELETE", "Patient/{other}"),
    entry("GET", "Patient/{other}"),
)
BEFORE = (put("Patient/{other}", patient("{other}")),)
IN_ORDER = ["200 OK", "201 Created", "201 Created", "204 No Content", "410 Gone"]

RULES_OF_BUNDLES: dict[str, Rule] = {
    "a batch is answered 200 with a batch-response": Rule(
        post("", bundle("batch", entry("GET", "Patient/{id}"))),
        200,
        body={"type": ["batch-response"], STATUSES: ["200 OK"], "entry.resource.id": ["{id}"]},
        given=(STORED,),
    ),
    "a transaction is answered 200 with a transaction-response": Rule(
        post("", CHART),
        200,
        body={
            "type": ["transaction-response"],
            STATUSES: ["201 Created", "201 Created"],
            "entry.response.etag": ['W/"1"', 'W/"1"'],
            "entry.response.lastModified": [INSTANT, INSTANT],
            "entry.response.location": [
                re.compile("Condition/[0-9a-f-]{36}/_history/1"),
                "Patient/{id}/_history/1",
            ],
        },
    ),
    "an empty batch is answered with an empty one": Rule(
        post("", {"resourceType": "Bundle", "type": "batch"}),
        200,
        body={"type": ["batch-response"], "entry": []},
    ),
    "a batch deletes, creates, updates and reads in this order": Rule(
        post("", bundle("batch", *MIXED)), 200, body={STATUSES: IN_ORDER}, given=BEFORE
    ),
    "a transaction deletes, creates, updates and reads in this order": Rule(
        post("", bundle("transaction", *MIXED[:-1])), 200, body={STATUSES: IN_ORDER[:-1]}, given=BEFORE
    ),
    "answers come in the order of the requests": Rule(
        post("", bundle("batch", *(entry("GET", f"Patient/{name}") for name in ("{id}", "none", "{id}")))),
        200,
        body={STATUSES: ["200 OK", "404 Not Found", "200 OK"]},
        given=(STORED,),
    ),
    "a failed entry of a batch fails alone": Rule(
        post("", sent("batch", entry("POST", "Procedure", NO_DAY), entry("GET", "Patient/{other}"))),
        200,
        body={STATUSES: ["201 Created", "400 Bad Request", "200 OK"], ISSUES: ["value"]},
    ),
    "what a batch stored stays, though another entry failed": Rule(
        get("Patient/{other}"),
        200,
        given=(post("", sent("batch", entry("POST", "Procedure", NO_DAY))),),
    ),
    "a failed entry of a transaction fails it all, and is named": Rule(
        post("", sent("transaction", entry("POST", "Procedure", NO_DAY))),
        400,
        body={
            ONE_ISSUE: ["value"],
            "issue.expression": ["Bundle.entry[1].resource.performedDateTime"],
        },
    ),
    "a business rule broken in a transaction fails it all": Rule(
        post("", sent("transaction", entry("POST", "Condition", condition("Group/g")))),
        422,
        body={"issue.expression": ["Bundle.entry[1].resource.subject"]},
    ),
    "a version that is not current fails the transaction": Rule(
        post("", sent("transaction", entry("PUT", "Patient/{id}", patient("{id}"), ifMatch='W/"7"'))),
        412,
        body={ONE_ISSUE: ["conflict"]},
        given=(STORED,),
    ),
    "a version that is not current fails its entry of a batch": Rule(
        post("", bundle("batch", entry("PUT", "Patient/{id}", patient("{id}"), ifMatch='W/"7"'))),
        200,
        body={STATUSES: ["412 Precondition Failed"], ISSUES: ["conflict"]},
        given=(STORED,),
    ),
    "one resource written twice fails the transaction": Rule(
        post("", sent("transaction", entry("DELETE", "Patient/{other}"))),
        400,
        body={ONE_ISSUE: ["duplicate"]},
    ),
    "references to other entries follow them": Rule(
        get("Condition?patient={id}"),
        200,
        body={"total": [1], "entry.resource.subject.reference": ["Patient/{id}"]},
        given=(post("", CHART),),
    ),
    "entries of a batch know nothing of each other": Rule(
        post("", bundle("batch", entry("POST", "Patient", patient(), MOTHER), CHART["entry"][0])),
        200,
        body={STATUSES: ["201 Created", "422 Unprocessable Entity"], ISSUES: ["business-rule"]},
    ),
    "the id of a posted entry is ignored": Rule(get("Condition/{id}"), 404, given=(post("", CHART),)),
    "a search may be an entry": Rule(
        post("", bundle("batch", entry("GET", "Patient?_id={id}"))),
        200,
        body={"entry.resource.type": ["searchset"], "entry.resource.total": [1]},
        given=(STORED,),
    ),
    "a version may be read by an entry": Rule(
        post("", bundle("batch", entry("GET", "Patient/{id}/_history/1"))),
        200,
        body={"entry.response.etag": ['W/"1"'], "entry.resource.id": ["{id}"]},
        given=(STORED,),
    ),
    "an entry that has the version is told so": Rule(
        post("", bundle("batch", entry("GET", "Patient/{id}", ifNoneMatch='W/"1"'))),
        200,
        body={STATUSES: ["304 Not Modified"], "entry.resource": []},
        given=(STORED,),
    ),
    "return=minimal leaves out what was written": Rule(
        post("", sent("transaction"), prefer="return=minimal"),
        200,
        body={"entry.resource": [], STATUSES: ["201 Created"]},
    ),
    "return=representation brings back what was written": Rule(
        post("", sent("transaction"), prefer="return=representation"),
        200,
        body={"entry.resource.id": ["{other}"], "entry.fullUrl": ["{base}/Patient/{other}"]},
    ),
    "return=OperationOutcome says what was done with each": Rule(
        post(
            "",
            bundle(
                "transaction",
                entry("PUT", "Patient/{id}", patient("{id}", birthDate="1980")),
                entry("POST", "Patient", patient()),
                entry("DELETE", "Patient/{other}"),
            ),
            prefer="return=OperationOutcome",
        ),
        200,
        body={
            "entry.resource": [],
            "entry.response.outcome.issue.severity": ["information", "information"],
            "entry.response.outcome.issue.diagnostics": ["Stored.", "Created."],
        },
        given=(STORED,),
    ),
    "and where nothing was to be done": Rule(
        post(
            "",
            bundle(
                "transaction",
                entry("POST", "Patient", patient(identifier=MRN), ifNoneExist="identifier={mrn}"),
                entry("POST", "Patient", patient(identifier=MRN), ifNoneExist="identifier={mrn}"),
                entry("PUT", "Patient/{other}", patient("{other}")),
            ),
            prefer="return=OperationOutcome",
        ),
        200,
        body={
            STATUSES: ["201 Created", "200 OK", "200 OK"],
            "entry.response.outcome.issue.diagnostics": ["Created.", THERE, THERE],
        },
        given=(put("Patient/{other}", patient("{other}")),),
    ),
    "a deletion of what is not there is done": Rule(
        post("", bundle("transaction", entry("DELETE", "Patient/{id}"))),
        200,
        body={STATUSES: ["204 No Content"]},
    ),
    "a deleted resource comes back by a transaction": Rule(
        post("", bundle("transaction", entry("PUT", "Patient/{id}", patient("{id}")))),
        200,
        body={"entry.response.etag": ['W/"3"'], STATUSES: ["201 Created"]},
        given=(STORED, delete("Patient/{id}")),
    ),
    "an operation is not posted in a batch": Rule(
        post("", bundle("batch", entry("POST", "Patient/{id}/$assess", {"resourceType": "Parameters"}))),
        200,
        body={
            STATUSES: ["400 Bad Request"],
            ISSUES: ["not-supported"],
            "entry.response.outcome.issue.expression": ["Bundle.entry[0].request.url"],
        },
    ),
    "the address of an entry may be escaped as any other": Rule(
        post("", bundle("batch", entry("GET", "%50atient/{id}"), entry("GET", "Patient/{id}/%24assess"))),
        200,
        body={STATUSES: ["200 OK", "200 OK"]},
        given=(STORED,),
    ),
    "a type of R4 that is not kept is passed by": Rule(
        post("", sent("transaction", entry("POST", "Claim", {"resourceType": "Claim"}))),
        200,
        body={STATUSES: ["201 Created", "202 Accepted"], ISSUES: ["not-supported"]},
    ),
    "a name that is no type fails the transaction": Rule(
        post("", sent("transaction", entry("POST", "Sickness", patient()))),
        400,
        body={"issue.expression": ["Bundle.entry[1].request.url"]},
    ),
    "an entry without a request fails the transaction": Rule(
        post("", sent("transaction", {"resource": patient()})), 400
    ),
    "a write without a resource fails the transaction": Rule(
        post("", sent("transaction", entry("POST", "Patient"))),
        400,
        body={ONE_ISSUE: ["required"], "issue.expression": ["Bundle.entry[1]"]},
    ),
    "only batches and transactions are posted": Rule(
        post("", bundle("collection", {"resource": patient()})),
        400,
        body={"issue.expression": ["Bundle.type"]},
    ),
    "the same transaction again changes nothing": Rule(
        post("", sent("transaction")),
        200,
        body={STATUSES: ["200 OK"], "entry.response.etag": ['W/"1"']},
        given=(post("", sent("transaction")),),
    ),
}
