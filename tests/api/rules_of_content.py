"""Rules of what is sent and answered: media types, preferences, headers, addresses, types."""

import re

from tests.api.charts import Json, condition, patient
from tests.api.rule import Request, Rule, get, post, put

OURS = r"application/fhir\+json; charset=utf-8"
ONE_ISSUE = "issue.code"
ANN = patient("{id}", birthDate="1970-01-01")
STORED = put("Patient/{id}", ANN)
THERE = "There already; nothing was stored."
XML = '<Patient xmlns="http://hl7.org/fhir"/>'
ODD: Json = patient(colour="red")


def typed(media_type: str, sent: Json | str = ANN) -> Request:
    """A create whose body is called that."""
    return post("Patient", sent, content_type=media_type)


RULES_OF_CONTENT: dict[str, Rule] = {
    # what is answered
    "an answer is FHIR JSON in UTF-8": Rule(get("Patient/{id}"), 200, {"content-type": OURS}, {}, (STORED,)),
    "an error is FHIR JSON too": Rule(get("Patient/{id}"), 404, {"content-type": OURS}),
    "whoever takes anything gets JSON": Rule(get("Patient", accept="*/*"), 200, {"content-type": OURS}),
    "so does whoever writes it shorter": Rule(get("Patient", accept="*"), 200, {"content-type": OURS}),
    "and whoever would rather have a page": Rule(
        get("Patient", accept="text/html, image/gif, *; q=.2"), 200, {"content-type": OURS}
    ),
    "whoever refuses all the same gets nothing": Rule(get("Patient", accept="*;q=0"), 406),
    "whoever takes any application gets JSON": Rule(get("Patient", accept="application/*"), 200),
    "whoever takes FHIR JSON of R4 gets it": Rule(
        get("Patient", accept="application/fhir+json; fhirVersion=4.0"), 200
    ),
    "whoever takes another release gets nothing": Rule(
        get("Patient", accept="application/fhir+json; fhirVersion=5.0"), 406
    ),
    "plain JSON is taken for FHIR's": Rule(get("Patient", accept="application/json"), 200),
    "the first of several that fits is taken": Rule(
        get("Patient", accept="application/fhir+xml;q=1.0, application/fhir+json;q=0.5"), 200
    ),
    "whoever takes XML only gets nothing": Rule(
        get("Patient", accept="application/fhir+xml"), 406, body={ONE_ISSUE: ["not-supported"]}
    ),
    "whoever takes Turtle only gets nothing": Rule(get("Patient", accept="text/turtle"), 406),
    "whoever refuses JSON by its weight gets nothing": Rule(
        get("Patient", accept="application/fhir+json;q=0"), 406
    ),
    "a weight of nothing may have digits": Rule(get("Patient", accept="application/fhir+json;q=0.000"), 406),
    "whoever refuses JSON takes nothing else that there is": Rule(
        get("Patient", accept="application/fhir+json;q=0, */*"), 406
    ),
    "whoever refuses any application takes no JSON": Rule(
        get("Patient", accept="application/*;q=0.0, */*;q=0.5"), 406
    ),
    "whoever refuses XML takes JSON": Rule(get("Patient", accept="application/fhir+xml;q=0, */*"), 200),
    "whoever wants JSON in another charset gets nothing": Rule(
        get("Patient", accept="application/fhir+json; charset=utf-16"), 406
    ),
    "_format=json goes before the Accept header": Rule(
        get("Patient?_format=json", accept="application/fhir+xml"), 200, {"content-type": OURS}
    ),
    "_format may be the media type, its plus sign escaped or not": Rule(
        get("Patient?_format=application/fhir+json&_format=application/fhir%2Bjson"), 200
    ),
    "_format may be application/json": Rule(get("Patient?_format=application/json"), 200),
    "_format may be text/json": Rule(get("Patient?_format=text/json"), 200),
    "_format=xml is refused": Rule(get("Patient?_format=xml"), 406, body={ONE_ISSUE: ["not-supported"]}),
    "_format=ttl is refused": Rule(get("Patient?_format=ttl", accept="application/fhir+json"), 406),
    "_format and _pretty count with every interaction": Rule(
        get("Patient/{id}?_format=json&_pretty=true"), 200, given=(STORED,)
    ),
    # what is sent
    "a body may be called FHIR JSON": Rule(typed("application/fhir+json"), 201),
    "a body may name its charset and release": Rule(
        typed("application/fhir+json; charset=UTF-8; fhirVersion=4.0"), 201
    ),
    "a body may be called plain JSON": Rule(typed("application/json"), 201),
    "a media type is compared without its case": Rule(typed("Application/FHIR+JSON"), 201),
    "a body in XML is refused": Rule(typed("application/fhir+xml", XML), 415),
    "a form is no body of a create": Rule(typed("application/x-www-form-urlencoded", "a=b"), 415),
    "plain text is refused": Rule(typed("text/plain"), 415, body={ONE_ISSUE: ["not-supported"]}),
    "a JSON patch is refused": Rule(typed("application/json-patch+json", "[]"), 415),
    "a body in another charset is refused": Rule(typed("application/fhir+json; charset=iso-8859-1"), 415),
    "a body of another release is refused": Rule(typed("application/fhir+json; fhirVersion=3.0"), 415),
    "a compressed body is refused": Rule(post("Patient", ANN, content_encoding="gzip"), 415),
    "a body that is not compressed may say so": Rule(post("Patient", ANN, content_encoding="Identity"), 201),
    "what is no JSON is refused": Rule(post("Patient", "{"), 400, body={ONE_ISSUE: ["structure"]}),
    "what is no FHIR is refused, the place named": Rule(
        post("Patient", ODD), 400, body={ONE_ISSUE: ["structure"], "issue.expression": ["Patient.colour"]}
    ),
    "what breaks a business rule is refused with 422": Rule(
        post("Condition", condition("Group/g")),
        422,
        body={ONE_ISSUE: ["business-rule"], "issue.expression": ["Condition.subject"]},
    ),
    # preferences
    "return=minimal answers without a body": Rule(
        post("Patient", ANN, prefer="return=minimal"),
        201,
        {"location": "{base}/Patient/.+", "etag": r'W/"1"', "content-length": "0"},
    ),
    "return=representation answers with what is stored": Rule(
        post("Patient", ANN, prefer="return=representation"), 201, body={"birthDate": ["1970-01-01"]}
    ),
    "return=OperationOutcome answers with what was done": Rule(
        put("Patient/{id}", ANN, prefer="return=OperationOutcome"),
        201,
        {"etag": r'W/"1"'},
        {"resourceType": ["OperationOutcome"], "issue.severity": ["information"]},
    ),
    "it says that what is new was stored": Rule(
        put("Patient/{id}", ANN, prefer="return=OperationOutcome"),
        200,
        {"etag": r'W/"2"'},
        {"issue.diagnostics": ["Stored."]},
        (put("Patient/{id}", patient("{id}")),),
    ),
    "it says that the same again was not stored": Rule(
        put("Patient/{id}", ANN, prefer="return=OperationOutcome"),
        200,
        {"etag": r'W/"1"'},
        {"issue.diagnostics": [THERE]},
        (put("Patient/{id}", ANN),),
    ),
    "it says that what a condition found was not stored": Rule(
        post("Patient", ANN, if_none_exist="_id={id}", prefer="return=OperationOutcome"),
        200,
        {"etag": r'W/"1"'},
        {"issue.diagnostics": [THERE]},
        (put("Patient/{id}", ANN),),
    ),
    "an unknown preference is passed by": Rule(
        post("Patient", ANN, prefer="return=everything, wait=5"), 201, body={"resourceType": ["Patient"]}
    ),
    "a strict client hears of a parameter that is not supported": Rule(
        get("Patient?hair=red", prefer="handling=strict"), 400, body={ONE_ISSUE: ["not-supported"]}
    ),
    "a lenient client is answered without it": Rule(
        get("Patient?hair=red&_id={id}", prefer="handling=lenient"),
        200,
        body={"link.url": ["{base}/Patient?_id={id}"]},
    ),
    "two preferences may stand in one header": Rule(
        get("Patient?hair=red", prefer="return=minimal; handling=strict"), 400
    ),
    "two preferences may stand in two lines": Rule(
        get("Patient?hair=red", prefer="handling=strict\nreturn=minimal"), 400
    ),
    "the first of two contrary preferences counts": Rule(
        post("Patient", ANN, prefer="return=minimal\nreturn=representation"), 201, {"content-length": "0"}
    ),
    # headers
    "an actor who cannot be understood is not taken for another": Rule(
        post("Patient", ANN, x_actor="nurse-7"),
        400,
        body={ONE_ISSUE: ["value"], "issue.diagnostics": [re.compile("X-Actor: .*")]},
    ),
    "an actor's id has no space": Rule(post("Patient", ANN, x_actor="Practitioner/nurse 7"), 400),
    "an actor has an id": Rule(post("Patient", ANN, x_actor="Practitioner/"), 400),
    "an actor's id has at most 64 characters": Rule(
        post("Patient", ANN, x_actor=f"Practitioner/{'n' * 65}"), 400
    ),
    "an empty actor is none": Rule(post("Patient", ANN, x_actor=""), 400),
    "an actor may be named by an address": Rule(
        post("Patient", ANN, x_actor="https://ehr.example/r4/Practitioner/nurse-7"), 201
    ),
    "two lines of Accept are one list": Rule(
        get("Patient", accept="application/fhir+json\napplication/fhir+xml"), 200
    ),
    "an address of illegal characters is refused": Rule(
        get("metadata", host='ehr.example"><b>'), 400, body={ONE_ISSUE: ["value"]}
    ),
    "an address with a path is refused": Rule(get("Patient", host="ehr.example/x"), 400),
    "an address of two names is refused": Rule(get("Patient", host="one.example, two.example"), 400),
    "an empty address is refused": Rule(get("Patient", host=""), 400),
    "an address may be a name with a port": Rule(
        get("Patient?_id=x", host="ehr_1.example:8080"),
        200,
        body={"link.url": ["http://ehr_1.example:8080/fhir/Patient?_id=x"]},
    ),
    "an address may be a number": Rule(
        get("Patient?_id=x", host="[::1]:80"), 200, body={"link.url": ["http://[::1]:80/fhir/Patient?_id=x"]}
    ),
    "X-Request-Id is echoed": Rule(
        get("metadata", x_request_id="request-{id}"), 200, {"x-request-id": "request-{id}"}
    ),
    "X-Request-Id is echoed with an error too": Rule(
        get("Patient/{id}", x_request_id="request-{id}"), 404, {"x-request-id": "request-{id}"}
    ),
    "a request without an id is given one": Rule(get("metadata"), 200, {"x-request-id": "[0-9a-f-]{36}"}),
    # addresses and types
    "the statement of capabilities is at metadata": Rule(
        get("metadata"),
        200,
        body={
            "resourceType": ["CapabilityStatement"],
            "fhirVersion": ["4.0.1"],
            "kind": ["instance"],
            "rest.mode": ["server"],
            "implementation.url": ["{base}"],
        },
    ),
    "the statement of capabilities cannot be written": Rule(put("metadata", {}), 405, {"allow": "GET, HEAD"}),
    "an address may end in a slash": Rule(get("Patient/{id}/"), 200, body={"id": ["{id}"]}, given=(STORED,)),
    "a search may end in a slash": Rule(get("Patient/?_id={id}"), 200, body={"total": [0]}),
    "a name that is no type is not found": Rule(get("Sickness/1"), 404, body={ONE_ISSUE: ["not-supported"]}),
    "a type of R4 that is not kept is not found": Rule(
        get("Immunization/1"), 404, body={ONE_ISSUE: ["not-supported"]}
    ),
    "a type of R4 that is not kept is not created": Rule(
        post("Immunization", {"resourceType": "Immunization"}), 404, body={ONE_ISSUE: ["not-supported"]}
    ),
    "a type of R4 that is not kept is not searched": Rule(get("Claim"), 404),
    "an operation that there is not is not found": Rule(get("Patient/{id}/$everything"), 404),
    "a method without a place is refused, the others named": Rule(
        Request("OPTIONS", "Patient/{id}"), 405, {"allow": ".*GET.*"}
    ),
    "the root takes Bundles only": Rule(
        post("", patient()), 400, body={"issue.expression": ["resourceType"]}
    ),
    "the root is posted to": Rule(get(""), 405, {"allow": "POST"}),
    "a HEAD of the statement is answered": Rule(
        Request("HEAD", "metadata"), 200, {"content-type": OURS, "content-length": r"\d{4,}"}
    ),
    "what is only given out cannot be written": Rule(
        post("GuidanceResponse", {"resourceType": "GuidanceResponse"}), 405, {"allow": "GET, HEAD"}
    ),
    "an error names what is wrong, and never the value": Rule(
        post("Patient", patient(birthDate="31.12.1970")),
        400,
        body={
            "issue.expression": ["Patient.birthDate"],
            "issue.diagnostics": [re.compile(r"[^0-9]*")],
        },
    ),
}
