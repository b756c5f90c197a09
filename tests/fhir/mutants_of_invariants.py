"""One-fault mutants that break an invariant of R4, and those known to pass."""

from typing import Any, Final

from tests.fhir.bases import DIV, HL7, ODI, UCUM, amount, concept
from tests.fhir.mutants import DROP, rows

_REPEAT = "dosageInstruction.0.timing.repeat"
_TIMING = "MedicationRequest.dosageInstruction[0].timing.repeat"
_TARGET = "Goal.target[0].detailRange"


def _extended(kind: str, value: float, code: str | None) -> list[dict[str, Any]]:
    """An extension with a measured value."""
    quantity = {"value": value, "system": UCUM, "code": code}
    if code is None:
        del quantity["code"]
    return [{"url": "http://a.example", f"value{kind}": quantity}]


def _saying(markup: str) -> str:
    """A narrative with this in it."""
    return DIV.replace("Leg pain", markup)


CLINICAL: Final = [
    *rows(
        "invariant",
        "con-1 to con-5",
        ("abated", "clinicalStatus", concept(HL7 + "condition-clinical", "active"), "Condition"),
        ("abated", "clinicalStatus", DROP, "Condition"),
        ("condition", "abatementString", "in March", "Condition"),
        (
            "condition",
            "verificationStatus",
            concept(HL7 + "condition-ver-status", "entered-in-error"),
            "Condition",
        ),
        ("condition", "stage.0", {"type": {"text": "a"}}),
        ("condition", "evidence.0", {"extension": [{"url": "http://a", "valueCode": "x"}]}),
    ),
    *rows(
        "invariant",
        "obs-3, obs-6, obs-7",
        ("observation", "dataAbsentReason", {"text": "unknown"}, "Observation"),
        ("observation", "component.0.code", ODI, "Observation"),
        ("observation", "referenceRange.0", {"type": {"text": "normal"}}),
    ),
    *rows(
        "invariant",
        "ait-1, ait-2",
        ("allergy", "clinicalStatus", DROP, "AllergyIntolerance"),
        (
            "allergy",
            "verificationStatus",
            concept(HL7 + "allergyintolerance-verification", "entered-in-error"),
            "AllergyIntolerance",
        ),
    ),
    *rows(
        "invariant",
        "pat-1, qrs-1, prr-1, gol-1, org-1, org-2, org-3, inv-1",
        ("person", "contact.0", {"gender": "male"}),
        ("answers", "item.0.item", [{"linkId": "9"}], "QuestionnaireResponse.item[0]"),
        ("order", "code", DROP, "ServiceRequest"),
        ("goal", "target.0.measure", DROP, "Goal.target[0]"),
        ("clinic", "name", DROP, "Organization"),
        ("clinic", "address.0.use", "home", "Organization.address[0]"),
        ("clinic", "telecom.0.use", "home", "Organization.telecom[0]"),
        ("task", "lastModified", "2024-02-19", "Task"),
        ("parameters", "parameter.0.valueString", DROP, "Parameters.parameter[0]"),
        ("parameters", "parameter.0.part", [{"name": "a", "valueCode": "x"}], "Parameters.parameter[0]"),
    ),
]

GENERAL: Final = [
    *rows(
        "invariant",
        "ele-1, ext-1",
        ("condition", "code", {"id": "a"}),
        ("condition", "severity", {"id": "b"}),
        ("person", "_language", {"id": "a"}),
        ("condition", "extension.0.valueString", DROP, "Condition.extension[0]"),
        (
            "condition",
            "extension.0.extension",
            [{"url": "a", "valueCode": "x"}],
            "Condition.extension[0]",
        ),
    ),
    *rows(
        "invariant",
        "per-1",
        ("procedure", "performedPeriod.end", "2024-02-01T08:59:59Z", "Procedure.performedPeriod"),
        ("procedure", "performedPeriod.end", "2024-02-01T10:30:00+02:00", "Procedure.performedPeriod"),
        ("abated", "abatementPeriod.end", "2023", "Condition.abatementPeriod"),
        ("visit", "period.end", "2024-01-14T23:00:00Z", "Encounter.period"),
    ),
    *rows(
        "invariant",
        "qty-3, sqty-1, rng-2, rat-1",
        ("observation", "valueQuantity.system", DROP, "Observation.valueQuantity"),
        ("observation", "referenceRange.0.low.comparator", "<"),
        ("goal", "target.0.detailRange.low", amount(30, "%"), _TARGET),
        (
            "statement",
            "dosage.0.maxDosePerPeriod.denominator",
            DROP,
            "MedicationStatement.dosage[0].maxDosePerPeriod",
        ),
    ),
    *rows(
        "invariant",
        "age-1, cnt-3, dis-1, drt-1, att-1, cpt-2, drq-1",
        ("abated", "extension", _extended("Count", 1.5, "1"), "Condition.extension[0].valueCount"),
        ("abated", "extension", _extended("Count", 2, "kg"), "Condition.extension[0].valueCount"),
        ("abated", "extension", _extended("Distance", 2, None), "Condition.extension[0].valueDistance"),
        ("abated", "onsetAge", {"value": 48, "unit": "years"}),
        ("abated", "onsetAge.value", 0, "Condition.onsetAge"),
        ("abated", "onsetAge.system", "http://a.example", "Condition.onsetAge"),
        ("visit", "length.value", DROP, "Encounter.length"),
        ("visit", "length.system", "http://a.example", "Encounter.length"),
        ("person", "photo.0.contentType", DROP, "Patient.photo[0]"),
        ("person", "telecom.0.system", DROP, "Patient.telecom[0]"),
        (
            "guidance",
            "dataRequirement.0.codeFilter.0.searchParam",
            "code",
            "GuidanceResponse.dataRequirement[0].codeFilter[0]",
        ),
    ),
    *rows(
        "invariant",
        "tim-1 to tim-10",
        ("prescription", _REPEAT + ".duration", 1, _TIMING),
        ("prescription", _REPEAT + ".periodUnit", DROP, _TIMING),
        ("prescription", _REPEAT + ".period", -1, _TIMING),
        ("prescription", _REPEAT + ".durationMax", 1, _TIMING),
        ("prescription", _REPEAT, {"periodMax": 2}, _TIMING),
        ("prescription", _REPEAT + ".countMax", 3, _TIMING),
        ("prescription", _REPEAT, {"offset": 30}, _TIMING),
        ("prescription", _REPEAT, {"offset": 30, "when": ["CM"]}, _TIMING),
        ("prescription", _REPEAT + ".timeOfDay", ["08:00:00"], _TIMING),
        ("prescription", _REPEAT, {"duration": -1, "durationUnit": "h"}, _TIMING),
    ),
    *rows(
        "invariant",
        "txt-1, txt-2",
        ("person", "text.div", "<p>Leg pain</p>"),
        ("person", "text.div", "Leg pain"),
        ("person", "text.div", "<divan>Leg pain</divan>"),
        ("person", "text.div", DIV.replace("p>", "form>")),
        ("person", "text.div", DIV.replace("Leg pain", "<script>1</script>")),
        ("person", "text.div", DIV.replace("<p>", '<p onclick="x()">')),
        ("person", "text.div", DIV.replace("Leg pain", " ")),
        ("person", "text.div", _saying('<a href="javascript:alert(1)">x</a>')),
        ("person", "text.div", _saying("<a href=' java&#10;Script:alert(1)'>x</a>")),
        ("person", "text.div", _saying('<img src="vbscript:x"/>')),
        ("person", "text.div", _saying('<a href="data:text/html,x">x</a>')),
        ("person", "text.div", _saying('<svg xmlns="http://www.w3.org/2000/svg"><animate/></svg>x')),
        ("person", "text.div", _saying("<svg><animate/></svg>x")),
        ("person", "text.div", _saying('<video src="x"/>x')),
        ("person", "text.div", _saying("<del>x</del>")),
        ("person", "text.div", _saying('<m:math xmlns:m="http://www.w3.org/1998/Math/MathML">x</m:math>')),
        ("person", "text.div", _saying('<p xmlns="http://www.w3.org/2000/svg">x</p>')),
        ("person", "text.div", _saying('<a xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="x">x</a>')),
        ("person", "text.div", _saying("<?xml-stylesheet href='x'?>x")),
        ("person", "text.div", '<div xmlns="urn:other">Leg pain</div>'),
        ("person", "text.div", f"<!-- a --> x {DIV}"),
        ("person", "text.div", f"<!-- a{DIV}"),
        ("person", "text.div", "<!-- a -->" * 3000),
    ),
    *rows("structure", "narrative.html: well-formed XHTML", ("person", "text.div", DIV.replace("</p>", ""))),
]

BUNDLES: Final = [
    *rows(
        "invariant",
        "bdl-1 to bdl-12",
        ("transaction", "total", 4),
        ("transaction", "entry.0.search", {"mode": "match"}, "Bundle.entry[0]"),
        ("transaction", "entry.1.request", DROP, "Bundle.entry[1]"),
        ("searchset", "entry.0.request", {"method": "GET", "url": "Patient/p-1"}, "Bundle.entry[0]"),
        ("transaction", "entry.1.response", {"status": "200"}, "Bundle.entry[1]"),
        ("answered", "entry.0", {"fullUrl": "http://a/Patient/1", "resource": {"resourceType": "Patient"}}),
        ("transaction", "entry.1.fullUrl", "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7"),
        ("searchset", "entry.0.fullUrl", "http://a.example/Patient/p-1/_history/1"),
        ("searchset", "entry.0.resource", DROP, "Bundle.entry[0]"),
        ("document", "identifier.system", DROP, "Bundle"),
        ("document", "timestamp", DROP, "Bundle"),
        ("document", "entry.0.resource", {"resourceType": "Patient"}, "Bundle"),
        ("message", "entry.0.resource", {"resourceType": "Patient"}, "Bundle"),
    ),
]

_TRIGGER = "Condition.extension[0].valueTriggerDefinition"
TRIGGERS: Final = [
    *rows(
        "invariant",
        "trd-1 to trd-3",
        *(
            ("condition", "extension", [{"url": "http://a.example", "valueTriggerDefinition": it}], _TRIGGER)
            for it in (
                {"type": "named-event"},
                {"type": "periodic"},
                {"type": "data-added"},
                {
                    "type": "named-event",
                    "name": "x",
                    "condition": {"language": "text/cql", "expression": "x"},
                },
                {"type": "data-removed", "data": [{"type": "Condition"}], "timingDate": "2024-01-01"},
            )
        ),
    ),
]

# R4 forbids these too; the checker lets them pass, for the reason given with each.
KNOWN_TO_PASS: Final = [
    *rows(
        "invariant",
        "narrative.html: XHTML states its namespace. Untidy senders leave it out, and nothing rests on it.",
        ("person", "text.div", "<div>Leg pain</div>"),
    ),
    *rows(
        "invariant",
        "ppc-1: a consent has a policy or a policyRule. A refusal is not lost for want of one.",
        ("consent", "policyRule", DROP),
    ),
    *rows(
        "invariant",
        "ppc-2: a privacy consent names its patient. As published, its expression can never be false.",
        ("consent", "patient", DROP),
    ),
    *rows(
        "code-invalid",
        "datatypes.html#Money: a code of ISO 4217. It is known by its form: that list grows.",
        ("cover", "costToBeneficiary.0.valueMoney.currency", "ABC"),
    ),
    *rows(
        "value",
        "element.html#id: unique in its resource. Nothing here refers to elements by id.",
        ("person", "name.0", {"id": "a", "family": "Chalmers", "_family": {"id": "a"}}),
    ),
]
