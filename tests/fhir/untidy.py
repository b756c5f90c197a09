"""Resources that real senders send: untidy, but legal R4. None of them may be refused."""

from copy import deepcopy
from typing import Any, Final

from tests.fhir.bases import DIV, HL7, ODI, concept
from tests.fhir.more_bases import BASES

_WHY = {
    "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}
    ]
}


def _with(base: str, **elements: Any) -> dict[str, Any]:
    """A valid resource with other elements; `...` takes one away."""
    changed = {**deepcopy(BASES[base]), **elements}
    return {name: one for name, one in changed.items() if one is not ...}


def _extended(value: dict[str, Any]) -> dict[str, Any]:
    return _with("condition", extension=[{"url": "http://local.example/x", **value}])


def _narrated(div: str) -> dict[str, Any]:
    return _with("person", text={"status": "additional", "div": div})


def _referring(text: str) -> dict[str, Any]:
    return _with("condition", subject={"reference": text})


def _dated(text: str) -> dict[str, Any]:
    return _with("condition", onsetDateTime=text)


def _bundled(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


UNTIDY: Final[list[tuple[str, dict[str, Any]]]] = [
    ("bare minimum", {"resourceType": "Condition", "subject": {"reference": "Patient/1"}}),
    ("nothing but a type", {"resourceType": "Patient"}),
    ("an unknown extension", _extended({"valueString": "x"})),
    ("an extension of extensions", _extended({"extension": [{"url": "a", "valueInteger": 1}]})),
    ("an extension with metadata", _extended({"valueMeta": {"versionId": "1"}})),
    ("an extension with a dosage", _extended({"valueDosage": {"text": "twice a day"}})),
    ("an extension with a primitive's extension only", _extended({"_valueString": _WHY})),
    (
        "an extension with a trigger",
        _extended({"valueTriggerDefinition": {"type": "named-event", "name": "x"}}),
    ),
    (
        "an extension with a trigger in time",
        _extended(
            {"valueTriggerDefinition": {"type": "periodic", "timingReference": {"reference": "Schedule/1"}}}
        ),
    ),
    (
        "an extension with a trigger by data",
        _extended({"valueTriggerDefinition": {"type": "data-added", "data": [{"type": "Condition"}]}}),
    ),
    (
        "a component whose coding is the observation's but for its display",
        _with(
            "observation",
            component=[{"code": {"coding": [ODI["coding"][0] | {"display": "x"}]}, "valueInteger": 7}],
        ),
    ),
    ("an extension of local type", _extended({"valueReference": {"reference": "Basic/1"}})),
    (
        "a modifier extension",
        _with("condition", modifierExtension=[{"url": "http://a", "valueBoolean": True}]),
    ),
    ("a local code system", _with("condition", code=concept("urn:local", "backpain"))),
    ("a code without system", _with("condition", code={"coding": [{"code": "M54.16"}]})),
    ("a system without code", _with("condition", code={"coding": [{"system": "http://a"}]})),
    ("a code with inner spaces", _with("condition", code={"coding": [{"code": "low back pain"}]})),
    ("text alone", _with("condition", code={"text": "low back pain"})),
    ("a display alone", _with("condition", code={"coding": [{"display": "low back pain"}]})),
    ("an unknown category", _with("condition", category=[concept("http://a", "x")])),
    ("con-3: a problem without clinical status", _with("condition", clinicalStatus=...)),
    (
        "in error, without clinical status",
        _with(
            "condition",
            clinicalStatus=...,
            verificationStatus=concept(HL7 + "condition-ver-status", "entered-in-error"),
        ),
    ),
    (
        "a second, local status coding",
        _with(
            "condition",
            clinicalStatus={
                "coding": [
                    {"system": "http://a", "code": "x"},
                    *BASES["condition"]["clinicalStatus"]["coding"],
                ]
            },
        ),
    ),
    ("a status that is masked", _with("condition", clinicalStatus=_WHY)),
    ("a required code that is masked", _with("observation", status=..., _status=_WHY)),
    (
        "a URI with an invisible character",
        _with("condition", code={"coding": [{"system": "http://a\u200b"}]}),
    ),
    (
        "a count of three",
        _extended({"valueCount": {"value": 3, "system": "http://unitsofmeasure.org", "code": "1"}}),
    ),
    (
        "a distance",
        _extended({"valueDistance": {"value": 3, "system": "http://unitsofmeasure.org", "code": "m"}}),
    ),
    (
        "a history",
        {
            "resourceType": "Bundle",
            "type": "history",
            "entry": [
                {
                    "fullUrl": "http://a.example/Patient/1",
                    "resource": {"resourceType": "Patient", "id": "1"},
                    "request": {"method": method, "url": "Patient/1"},
                    "response": {"status": "200"},
                }
                for method in ("POST", "PUT")
            ],
        },
    ),
    ("a year", _dated("2024")),
    ("a month", _dated("2024-02")),
    ("a leap day", _dated("2024-02-29")),
    ("a fraction of a second", _dated("2024-02-29T23:59:59.123456789+14:00")),
    ("a leap second", _dated("2016-12-31T23:59:60Z")),
    ("a date that is masked", _with("condition", onsetDateTime=..., _onsetDateTime=_WHY)),
    ("a value and its extension", _with("condition", _onsetDateTime=_WHY)),
    ("an absolute reference", _referring("https://ehr.example/fhir/Patient/1")),
    ("an absolute reference that is no FHIR", _referring("https://ehr.example/people?id=1")),
    ("a versioned reference", _referring("Patient/1/_history/2")),
    ("a urn:uuid reference", _referring("urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7")),
    ("a urn:oid reference", _referring("urn:oid:1.2.3")),
    ("a conditional reference", _referring("Patient?identifier=http://a|1")),
    ("a relative path", _referring("../Patient/1")),
    ("a logical reference", _with("condition", subject={"identifier": {"value": "1"}})),
    ("a display for a reference", _with("condition", subject={"display": "somebody"})),
    ("a reference that is masked", _with("condition", subject=_WHY)),
    ("a typed reference", _with("condition", subject={"reference": "Patient/1", "type": "Patient"})),
    ("a reference of a local type", _with("condition", subject={"type": "urn:x", "display": "x"})),
    (
        "contained twice removed",
        _with(
            "containing",
            contained=[
                {"resourceType": "PractitionerRole", "id": "doc", "organization": {"reference": "#org"}},
                {"resourceType": "Organization", "id": "org", "name": "Clinic"},
            ],
        ),
    ),
    (
        "contained, referring to its container",
        _with(
            "condition",
            contained=[
                {
                    "resourceType": "Provenance",
                    "id": "p",
                    "target": [{"reference": "#"}],
                    "recorded": "2024-01-01T00:00:00Z",
                    "agent": [{"who": {"display": "x"}}],
                },
            ],
        ),
    ),
    (
        "contained, used by a canonical",
        _with(
            "answers",
            questionnaire="#odi",
            contained=[{"resourceType": "Questionnaire", "id": "odi", "status": "active"}],
        ),
    ),
    (
        "contained of a type that the service does not know",
        {
            "resourceType": "MedicationStatement",
            "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "x"}}],
            "status": "unknown",
            "subject": {"reference": "Patient/1"},
            "medicationReference": {"reference": "#m"},
        },
    ),
    (
        "names with extensions in place of some",
        _with(
            "person",
            name=[
                {"given": ["Peter", None], "_given": [None, {"id": "a", **_WHY}], "family": "Chalmers"},
            ],
        ),
    ),
    ("a name of extensions alone", _with("person", name=[{"_given": [_WHY], "_family": _WHY}])),
    ("an id on a primitive", _with("person", _birthDate={"id": "born"})),
    ("white space around text", _with("person", name=[{"text": "  Chalmers\r\n\tPeter "}])),
    (
        "control characters of an old system",
        _with("person", name=[{"text": "Chal\u0001mers\u001b[1m\u001f"}]),
    ),
    ("letters of every script", _with("person", name=[{"text": "Żółć 山田 🙂 \u00a0x"}])),
    (
        "HTML entities in the narrative",
        _with("person", text={"status": "additional", "div": DIV.replace(" pain", "&nbsp;pain &copy;")}),
    ),
    (
        "an image alone in the narrative",
        _with("person", text={"status": "additional", "div": '<div><img src="#a"/></div>'}),
    ),
    ("a comment before the narrative", _narrated(f"<!-- made --> <!-- by hand -->\n{DIV}")),
    ("a comment in the narrative", _narrated(DIV.replace("Leg", "<!-- left --> Leg"))),
    ("capitals in the narrative", _narrated(DIV.replace("Leg", "<BR/>Leg"))),
    ("deprecated formatting", _narrated(DIV.replace("Leg pain", "<u>Leg</u> <font color='red'>pain</font>"))),
    (
        "a picture in the narrative",
        _narrated(DIV.replace("Leg", '<img src="data:image/png;base64,AA=="/>Leg')),
    ),
    ("a script in words", _narrated(DIV.replace("<p>", '<p title="javascript: no">'))),
    ("a language in the narrative", _narrated(DIV.replace("<p>", '<p xml:lang="de" lang="de">'))),
    (
        "a period of unequal precision",
        _with("procedure", performedPeriod={"start": "2024-02-01", "end": "2024-02"}),
    ),
    ("a period without end", _with("procedure", performedPeriod={"start": "2024"})),
    ("a quantity without unit", _with("observation", valueQuantity={"value": 7})),
    (
        "a range of two units",
        _with(
            "observation",
            valueQuantity=...,
            valueRange={"low": {"value": 90, "unit": "min"}, "high": {"value": 2, "unit": "h"}},
        ),
    ),
    ("a great and a tiny number", _with("observation", valueQuantity={"value": -1.5e300})),
    ("base64 with line ends", _with("person", photo=[{"contentType": "image/png", "data": "aGVs\r\nbG8="}])),
    ("a MIME type with parameters", _with("person", photo=[{"contentType": "text/plain; charset=utf-8"}])),
    ("two types of reason", _with("order", reasonReference=[{"display": "pain"}])),
    (
        "a document reference as evidence",
        _with("condition", evidence=[{"detail": [{"reference": "Claim/1"}]}]),
    ),
    ("other types in a Bundle", _bundled({"resourceType": "Claim"}, {"resourceType": "CarePlan"})),
    ("a Bundle in a Bundle", _bundled(_bundled({"resourceType": "Patient"}))),
    ("an empty Bundle", {"resourceType": "Bundle", "type": "transaction"}),
]
