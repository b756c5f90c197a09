"""Whatever the checker lets in is read without raising, however untidy, into facts that hold together."""

from typing import Any

import msgspec
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from fhir_profiles import RESOURCES
from referral_service.core.dates import When
from referral_service.core.timeline import AnyFact, Score, Timeline
from referral_service.fhir.check import check
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.parse import Number
from referral_service.fhir.read import Reader, patient_of

Json = dict[str, Any]
Some = st.SearchStrategy[Any]

READER = Reader(Terminology.load(RESOURCES / "valuesets"), "https://spine-referral.example/fhir")
HL7 = "http://terminology.hl7.org/CodeSystem"
ICD, SNOMED, LOINC = "http://hl7.org/fhir/sid/icd-10-cm", "http://snomed.info/sct", "http://loinc.org"
FINDING = "https://spine-referral.example/fhir/CodeSystem/spine-imaging-finding"
CODES = {
    "diagnosis": (ICD, "M51.360 m54.50 M41.9 S32010D s22.010A M17.11 E11 ?"),
    "diagnosis by OID": ("urn:oid:2.16.840.1.113883.6.90", "M54.9"),
    "treatment": ("http://www.ama-assn.org/go/cpt", "97110 62323 97161"),
    "site": (SNOMED, "122496007 421060004"),
    "referral": (SNOMED, "308482002 103696004 392236004 91251008"),
    "reason": (SNOMED, "183932001 105480006"),
    "measure": (LOINC, "72514-3 97909-6 91148-7 82810-3"),
    "study": (LOINC, "30679-5 30854-4 97909-6"),
    "drug": ("http://www.nlm.nih.gov/research/umls/rxnorm", "5640 10689"),
    "finding": (FINDING, "progression extrusion"),
    "answer": (SNOMED, "77386006"),
    "payer": ("https://nahdo.org/sopt", "3212 1"),
    "local": ("urn:oid:1.2.3", "KNEE"),
}
ODD_CODINGS = [{"code": "KNEE"}, {"display": "knee"}, {"system": ICD, "display": "knee"}]
DOUBT = {"extension": [{"url": "urn:oid:1.2.3.4", "valueString": "not asked"}]}

days = st.sampled_from(
    ["2025", "2026-05", "2026-05-01", "2024-02-29", "2026-05-01T23:30:00.123456789-05:00"]
) | st.sampled_from(["0001", "9999-12", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:60Z"])
instants = st.sampled_from(["2026-05-01T23:59:60Z", "2026-05-02T00:30:00+14:00", "0001-01-01T00:00:00+14:00"])
words = st.sampled_from(["knee", "d", "Weeks", "hours", "%", "/97909-6", "72514-3"])
integers = st.sampled_from([0, 1, 7, 30, -3, 2147483647])
numbers = integers | st.sampled_from([Number("0.40"), Number("1.5e6000"), Number("-1E-3"), Number("36.0")])
truths = st.booleans()


def few(element: Some) -> Some:
    return st.lists(element, min_size=1, max_size=3)


def some(**elements: Some) -> Some:
    """Any of the elements, or none."""
    return st.fixed_dictionaries({}, optional=elements)


def any_of(**elements: Some) -> Some:
    """At least one of the elements: an object in FHIR is never empty."""
    return st.sampled_from(sorted(elements)).flatmap(
        lambda name: st.fixed_dictionaries(
            {name: elements[name]}, optional={other: it for other, it in elements.items() if other != name}
        )
    )


def one_of(**elements: Some) -> Some:
    """At most one type of a choice; at times only an extension in its place."""
    name = next(iter(elements))
    choices = [st.fixed_dictionaries({name: it}) for name, it in elements.items()]
    in_place = st.just({f"_{name}": DOUBT}) if name.endswith("DateTime") else st.just({})
    return st.one_of(*choices, in_place, st.just({}))


def coded(*groups: str) -> Some:
    """A CodeableConcept with codes of these groups (all by default), local and untidy ones."""
    chosen = [CODES[group] for group in (*groups, "local") if groups] or list(CODES.values())
    known = [{"system": system, "code": code} for system, codes in chosen for code in codes.split()]
    return st.fixed_dictionaries({"coding": few(st.sampled_from(known + ODD_CODINGS))}) | st.just(
        {"text": "knee"}
    )


def status(system: str, *codes: str) -> Some:
    return st.sampled_from(codes).map(lambda code: {"coding": [{"system": f"{HL7}/{system}", "code": code}]})


def referring(*references: str) -> Some:
    return st.sampled_from([{"display": "the back"}, *[{"reference": text} for text in references]])


periods = any_of(start=days, end=days)
durations = any_of(value=numbers, unit=words)
quantities = any_of(value=numbers, unit=words, comparator=st.just("<"))
conditions = referring("#c", "Condition/1", "http://a.example/Condition/1/_history/2", "urn:uuid:x")
reasons = some(reasonCode=few(coded("diagnosis", "diagnosis by OID")), reasonReference=few(conditions))
drugs = st.fixed_dictionaries({"medicationCodeableConcept": coded("drug")}) | st.fixed_dictionaries(
    {"medicationReference": referring("#m", "Medication/1")}
)
bounds = one_of(
    boundsPeriod=periods, boundsDuration=durations, boundsRange=st.just({"low": {"value": 1}})
).map(lambda bound: {"frequency": 1, **bound})
dosages = any_of(text=words, timing=any_of(repeat=bounds, code=coded()))
values = one_of(
    valueQuantity=quantities, valueInteger=integers, valueCodeableConcept=coded("answer", "finding")
)
components = st.tuples(values, coded("measure")).map(lambda pair: {**pair[0], "code": pair[1]})
answers = one_of(valueQuantity=quantities, valueInteger=integers, valueDecimal=numbers).map(
    lambda answer: answer or {"valueString": "7"}
)
links = st.fixed_dictionaries({"linkId": words})
items = st.recursive(
    st.tuples(links, some(answer=few(answers))).map(lambda pair: pair[0] | pair[1]),
    lambda below: st.tuples(links, any_of(item=few(below))).map(lambda pair: pair[0] | pair[1]),
    max_leaves=4,
)
provisions = st.recursive(
    any_of(type=st.sampled_from(["deny", "permit"]), code=few(coded("referral"))),
    lambda below: any_of(type=st.just("deny"), provision=few(below)),
    max_leaves=4,
)


def always(**elements: Any) -> Some:
    return st.fixed_dictionaries(
        {name: it if isinstance(it, st.SearchStrategy) else st.just(it) for name, it in elements.items()}
    )


sites = some(bodySite=few(coded("site")))
begun = one_of(onsetDateTime=days, onsetPeriod=periods, onsetString=words)
used = st.sampled_from(["active", "completed", "entered-in-error"])
ANN = {"reference": "Patient/ann"}
TYPES: dict[str, list[Some]] = {
    "Patient": [
        some(birthDate=days.map(lambda text: text[:10])),
        one_of(deceasedDateTime=days, deceasedBoolean=truths),
    ],
    "Condition": [
        always(subject=ANN, clinicalStatus=status("condition-clinical", "resolved", "remission")),
        some(code=coded("diagnosis"), bodySite=few(coded("site")), recordedDate=days, category=few(coded())),
        one_of(abatementDateTime=days, abatementPeriod=periods, abatementString=words),
        begun,
    ],
    "Procedure": [
        always(subject=ANN, status=st.sampled_from(["completed", "not-done"]), code=coded("treatment")),
        one_of(performedDateTime=days, performedPeriod=periods, performedString=words),
        some(statusReason=coded("reason")),
        sites,
        reasons,
    ],
    "MedicationRequest": [
        always(subject=ANN, status=used, intent="order"),
        some(authoredOn=days, dosageInstruction=few(dosages), doNotPerform=truths),
        some(dispenseRequest=any_of(expectedSupplyDuration=durations)),
        drugs,
        reasons,
    ],
    "MedicationStatement": [
        always(subject=ANN, status=used),
        one_of(effectiveDateTime=days, effectivePeriod=periods),
        some(dateAsserted=days),
        drugs,
        reasons,
    ],
    "Observation": [
        always(status="final", code=coded("measure", "study")),
        one_of(effectiveDateTime=days, effectivePeriod=periods, effectiveInstant=instants),
        some(subject=st.just(ANN), bodySite=coded("site"), issued=instants, component=few(components)),
        values,
    ],
    "QuestionnaireResponse": [
        always(status="completed"),
        some(authored=days, item=few(items), questionnaire=st.just("http://a.example/q|1")),
    ],
    "DiagnosticReport": [
        always(status="final", code=coded("study")),
        one_of(effectiveDateTime=days, effectivePeriod=periods),
        some(issued=instants, conclusionCode=few(coded("finding", "diagnosis"))),
    ],
    "ServiceRequest": [
        always(subject=ANN, status="active", intent="order"),
        some(code=coded("referral"), authoredOn=days, identifier=few(always(value="1")), doNotPerform=truths),
        sites,
        reasons,
    ],
    "Consent": [
        always(status="active", scope={"text": "x"}, category=[{"text": "x"}], policyRule={"text": "x"}),
        some(patient=st.just(ANN), dateTime=days, provision=provisions),
    ],
    "AllergyIntolerance": [
        always(patient=ANN, clinicalStatus=status("allergyintolerance-clinical", "active", "resolved")),
        some(code=coded("drug"), recordedDate=days),
        begun,
    ],
    "Coverage": [
        always(beneficiary=ANN, status="active", payor=[{"display": "payor"}]),
        some(type=coded("payer")),
    ],
}
# Both refer to their container, so that nothing else has to refer to them.
CONTAINED = [
    {"resourceType": "Condition", "id": "c", "subject": ANN, "recorder": {"reference": "#"}},
    {"resourceType": "Medication", "id": "m", "manufacturer": {"reference": "#"}},
]


@st.composite
def resources(draw: st.DrawFn) -> Json:
    """A resource that tells the pathway something, with whatever a sender may leave out or add."""
    kind = draw(st.sampled_from(sorted(TYPES)))
    resource: Json = {"resourceType": kind, "id": "1"}
    for part in TYPES[kind]:
        resource |= draw(part)
    if draw(truths):
        resource["extension"] = [{"url": "urn:oid:1.2", "valueString": "local"}]
    return resource | {"contained": CONTAINED}


def whens(fact: AnyFact) -> list[When]:
    found = (getattr(fact, name) for name in fact.__struct_fields__)
    return [value for value in found if isinstance(value, When)]


@settings(max_examples=500)
@given(resource=resources())
@example(resource={"resourceType": "Procedure", "id": "1", "subject": ANN, "_status": DOUBT})
@example(resource={"resourceType": "MedicationRequest", "id": "1", "subject": ANN, "_status": DOUBT})
def test_whatever_the_checker_lets_in_is_read(resource: Json) -> None:
    assume(not check(resource) or "_status" in resource)
    facts = READER.facts(resource)
    assert facts
    assert {fact.source for fact in facts} == {f"{resource['resourceType']}/1"}
    assert [fact.part for fact in facts] == list(range(len(facts)))
    assert all(when.earliest <= when.latest for fact in facts for when in whens(fact))
    for fact in facts:
        start, end = getattr(fact, "start", None), getattr(fact, "end", None)
        assert not (start and end) or start.earliest <= end.latest
    assert patient_of(resource) in ("1", "ann", None)


@settings(max_examples=200)
@given(resource=resources())
def test_facts_survive_the_store_and_make_a_timeline(resource: Json) -> None:
    assume(not check(resource))
    facts = READER.facts(resource)
    stored = msgspec.json.decode(msgspec.json.encode(facts), type=tuple[AnyFact, ...])
    assert stored == facts
    assert set(Timeline.of(stored).facts) == set(facts)


def test_a_form_deeper_than_python_s_stack_is_read() -> None:
    item: Json = {"linkId": "72514-3", "answer": [{"valueInteger": 7}]}
    for _ in range(5_000):
        item = {"linkId": "group", "item": [item]}
    (score,) = READER.facts({"resourceType": "QuestionnaireResponse", "id": "1", "item": [item]})
    assert isinstance(score, Score)
