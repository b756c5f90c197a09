"""Calls and feedback with one fault each: what is sent, and which status and element are named."""

from copy import deepcopy
from typing import Any, NamedTuple

from tests.cds_hooks.client import LUMBAR_MRI, bundle, call, drafts, order

Json = dict[str, Any]
SECRET = "Xyzzy"  # stands where a value must never come back
CARD = "4e0a3a1e-3283-4575-ab82-028d55fe2719"
CONDITION: Json = {
    "resourceType": "Condition",
    "id": "c1",
    "subject": {"reference": "Patient/p1"},
    "code": {"text": SECRET},
}
AUTHORIZATION: Json = {
    "access_token": SECRET,
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/*.read",
    "subject": "cds",
}
ANSWER: Json = {"card": CARD, "outcome": "overridden", "outcomeTimestamp": "2026-01-02T03:04:05Z"}
ORDERS, ORDER = "context.draftOrders", "context.draftOrders.entry[0].resource"
PROBLEMS, PROBLEM = "context.conditions", "context.conditions.entry[0].resource"
TOKEN = "fhirAuthorization"
FOREIGN: Json = {**CONDITION, "subject": {"reference": f"Patient/{SECRET}"}}
STU3: Json = {**CONDITION, "assertedDate": SECRET}
PERSON: Json = {"resourceType": "Patient", "id": "p1"}
NEXT: Json = {"link": [{"relation": "next", "url": "https://ehr.example/2"}]}
FAILED: Json = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]}
UNDATED: Json = {**CONDITION, "onsetDateTime": SECRET}
ACCEPTED: Json = {**ANSWER, "outcome": "accepted"}
GIVEN = "acceptedSuggestions"
CODE = "overrideReason.reason.code"
_GONE = object()


class Broken(NamedTuple):
    """One fault; `expression` is the element that the answer names, "" for none."""

    name: str
    path: str
    said: Any
    expression: str
    status: int = 400


def _with(base: Json, where: str, value: Any = _GONE) -> Json:
    """The same with something else, or nothing, at a place such as context.userId."""
    found = deepcopy(base)
    *path, last = where.split(".")
    place = found
    for step in path:
        place = place.setdefault(step, {})
    if value is _GONE:
        del place[last]
    else:
        place[last] = value
    return found


VIEW = call("patient-view", "p1", {})
SIGN = call("order-sign", "p1", {}, draftOrders=drafts(order("p1", LUMBAR_MRI)))
ADD = call("problem-list-item-create", "p1", {}, conditions=drafts(CONDITION))
SERVED = {**VIEW, "fhirServer": "https://ehr.example/fhir", "fhirAuthorization": AUTHORIZATION}


AIMLESS: Json = _with(order("p1", LUMBAR_MRI), "intent")


def _view(name: str, where: str, *value: Any, base: Json = VIEW, at: str = "") -> Broken:
    return Broken(name, base["hook"], _with(base, where, *value), at or where)


def _raw(name: str, body: bytes, expression: str = "", status: int = 400) -> Broken:
    return Broken(name, "patient-view", body, expression, status)


def _given(name: str, key: str, value: Any, at: str) -> Broken:
    return Broken(name, "patient-view", {**VIEW, "prefetch": {key: value}}, f"prefetch.{key}{at}")


def _heard(name: str, where: str, *value: Any, base: Json = ANSWER, at: str = "") -> Broken:
    said = {"feedback": [ANSWER, _with(base, where, *value)]}
    return Broken(f"feedback: {name}", "patient-view/feedback", said, f"feedback[1].{at or where}")


def _feedback(name: str, said: Any, expression: str) -> Broken:
    return Broken(f"feedback: {name}", "patient-view/feedback", said, expression)


JSON: list[Broken] = [
    _raw("no body", b""),
    _raw("no JSON", b"{hook: patient-view}"),
    _raw("half of it", b'{"hook": "patient-view", "context": {'),
    _raw("another encoding", '{"hook": "é"}'.encode("latin-1")),
    _raw("an array", b"[]"),
    _raw("null", b"null"),
    _raw("a number that is none", b'{"hook": NaN}'),
    _raw("a number without bounds", b'{"hook": 1e999999}'),
    _raw("a key twice", b'{"hook": "patient-view", "hook": "order-sign"}'),
    _raw("too deep", b'{"context": ' + b"[" * 100 + b"]" * 100 + b"}"),
    _raw("far too deep", b"[" * 100_000),
    _raw("a lone surrogate", b'{"hook": "\\ud800"}'),
]
REQUEST: list[Broken] = [
    _view("no hook", "hook"),
    _view("a hook of another kind", "hook", 7),
    _view("a blank hook", "hook", " "),
    _view("another service's hook", "hook", "order-sign", at="hook"),
    _view("no hookInstance", "hookInstance"),
    _view("a hookInstance that is no UUID", "hookInstance", SECRET),
    _view("a hookInstance in braces", "hookInstance", f"{{{CARD}}}"),
    _view("a hookInstance that is a number", "hookInstance", 4),
    _view("no context", "context"),
    _view("a context that is text", "context", SECRET),
    _view("a context that is null", "context", None),
    _view("prefetch that is an array", "prefetch", []),
    _view("an extension that is text", "extension", SECRET),
    _view("no user", "context.userId"),
    _view("a user without a type", "context.userId", SECRET),
    _view("a user who is a device", "context.userId", f"Device/{SECRET}"),
    _view("no patient", "context.patientId"),
    _view("a patient as a reference", "context.patientId", f"Patient/{SECRET}"),
    _view("a patient as a number", "context.patientId", 12),
    _view("a patient that is a query", "context.patientId", f"{SECRET}&_id=1"),
    _view("an encounter that is null", "context.encounterId", None),
    _view("a patient who signs orders", "context.userId", "Patient/p1", base=SIGN),
    _view("no orders", ORDERS, base=SIGN),
    _view("orders in an array", ORDERS, [], base=SIGN),
    _view("orders in no Bundle", ORDERS, order("p1", "1"), base=SIGN, at=f"{ORDERS}.resourceType"),
    _view("entries that are no array", f"{ORDERS}.entry", SECRET, base=SIGN),
    _view("an entry without a resource", f"{ORDERS}.entry", [{}], base=SIGN, at=ORDER),
    _view("an order without an intent", ORDERS, drafts(AIMLESS), base=SIGN, at=f"{ORDER}.intent"),
    _view("an order for another patient", ORDERS, drafts(order(SECRET, "1")), base=SIGN, at=ORDER),
    _view("no conditions", PROBLEMS, base=ADD),
    _view("a problem with a wrong date", PROBLEMS, drafts(UNDATED), base=ADD, at=f"{PROBLEM}.onsetDateTime"),
    _view("a problem of another patient", PROBLEMS, drafts(FOREIGN), base=ADD, at=PROBLEM),
]  # fmt: skip
SERVER: list[Broken] = [
    _view("a server without TLS", "fhirServer", f"http://{SECRET}.example/fhir", base=SERVED),
    _view("a server named like this machine", "fhirServer", f"http://localhost.{SECRET}.net", base=SERVED),
    _view("a server behind a user", "fhirServer", f"https://{SECRET}@ehr.example/fhir", base=SERVED),
    _view("a server of another protocol", "fhirServer", f"ftp://ehr.example/{SECRET}", base=SERVED),
    _view("a server that is a file", "fhirServer", "file:///etc/passwd", base=SERVED),
    _view("a server with a query", "fhirServer", f"https://ehr.example/fhir?{SECRET}", base=SERVED),
    _view("a server that is no address", "fhirServer", f"{SECRET}", base=SERVED),
    _view("a server with a wrong port", "fhirServer", "https://ehr.example:99999/fhir", base=SERVED),
    _view("a server in a list", "fhirServer", ["https://ehr.example"], base=SERVED),
    _view("a token without a server", "fhirServer", base=SERVED),
    _view("an authorization that is text", TOKEN, SECRET, base=SERVED),
    _view("no access token", f"{TOKEN}.access_token", base=SERVED),
    _view("an access token with a line break", f"{TOKEN}.access_token", f"a\r\nX: {SECRET}", base=SERVED),
    _view("a token of another type", f"{TOKEN}.token_type", "Basic", base=SERVED),
    _view("a token that ends before it begins", f"{TOKEN}.expires_in", 0, base=SERVED),
    _view("a lifetime in words", f"{TOKEN}.expires_in", "300", base=SERVED),
    _view("a lifetime that is true", f"{TOKEN}.expires_in", True, base=SERVED),
    _view("no scope", f"{TOKEN}.scope", base=SERVED),
    _view("no subject", f"{TOKEN}.subject", base=SERVED),
]  # fmt: skip
PREFETCH: list[Broken] = [
    _given("a part that is text", "conditions", SECRET, ""),
    _given("a part that is a list", "conditions", [CONDITION], ""),
    _given("a resource in place of a Bundle", "conditions", CONDITION, ".resourceType"),
    _given("a Bundle in place of the Patient", "patient", bundle([]), ".resourceType"),
    _given("another patient", "patient", {"resourceType": "Patient", "id": SECRET}, ".id"),
    _given("a Bundle of words", "conditions", {**bundle([]), "entry": [SECRET]}, ".entry[0].resource"),
    _given("a resource without a type", "conditions", bundle([{"id": SECRET}]), ".entry[0].resource"),
    _given("a resource of another patient", "conditions", bundle([CONDITION, FOREIGN]), ".entry[1].resource"),
    _given("a wrong date", "conditions", bundle([UNDATED]), ".entry[0].resource.onsetDateTime"),
    _given("an element of STU3", "conditions", bundle([STU3]), ".entry[0].resource.assertedDate"),
    _given("a wrong birthDate", "patient", {**PERSON, "birthDate": SECRET}, ".birthDate"),
]  # fmt: skip
TOO_SMALL: list[Broken] = [
    Broken(f"too small: {name}", "patient-view", said, "prefetch.conditions", 412)
    for name, said in (
        ("nothing", VIEW),
        ("the first page alone", {**VIEW, "prefetch": {"conditions": {**bundle([CONDITION]), **NEXT}}}),
        ("a part that failed", {**VIEW, "prefetch": {"conditions": FAILED}}),
        (
            "a part that failed in its midst",
            {**VIEW, "prefetch": {"conditions": bundle([CONDITION, FAILED])}},
        ),
        ("a server that may not be called", SERVED),
    )
]
FEEDBACK: list[Broken] = [
    _feedback("nothing", {}, "feedback"),
    _feedback("none", {"feedback": []}, "feedback"),
    _feedback("not in an array", {"feedback": ANSWER}, "feedback"),
    _feedback("words", {"feedback": [SECRET]}, "feedback[0]"),
    _feedback("too much at once", {"feedback": [ANSWER] * 1001}, "feedback"),
    _heard("no card", "card"),
    _heard("a card that is no UUID", "card", SECRET),
    _heard("no outcome", "outcome"),
    _heard("another outcome", "outcome", "ignored"),
    _heard("an outcome that is a list", "outcome", ["accepted"]),
    _heard("no instant", "outcomeTimestamp"),
    _heard("a day", "outcomeTimestamp", "2026-01-02"),
    _heard("an instant without a zone", "outcomeTimestamp", "2026-01-02T03:04:05"),
    _heard("accepted without a suggestion", "outcome", "accepted", at=GIVEN),
    _heard("a suggestion without an id", GIVEN, [{}], base=ACCEPTED, at=f"{GIVEN}[0].id"),
    _heard("suggestions that are text", GIVEN, SECRET, base=ACCEPTED),
    _heard("a reason that is text", "overrideReason", SECRET),
    _heard("a reason without a code", "overrideReason.reason", {"display": SECRET}, at=CODE),
    _heard("a code of several words", "overrideReason.reason", {"code": f"not {SECRET}"}, at=CODE),
    _heard("a comment that is a number", "overrideReason.userComment", 7),
]  # fmt: skip
ALL: list[Broken] = [*JSON, *REQUEST, *SERVER, *PREFETCH, *TOO_SMALL, *FEEDBACK]
