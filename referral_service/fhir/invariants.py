"""R4's invariants of severity error, for the types that are checked: a function a type, a sentence a rule.

Source: the constraints of https://hl7.org/fhir/R4/, keys as there. Warnings and guidelines (con-3, dom-6)
never refuse. Consent's ppc-2 to ppc-5 are left out: as published, their expressions can never be false. So is
ppc-1: a refusal that is lost for want of a policy would harm, and nothing rests on the policy.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import Any, Final

from referral_service.fhir import bundle_rules
from referral_service.fhir.findings import Finding
from referral_service.fhir.moments import is_after

Json = dict[str, Any]
Invariant = Callable[[Json], Iterable[Finding]]

_UCUM = "http://unitsofmeasure.org"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_ABATED = {"inactive", "resolved", "remission"}
_MEALS = frozenset({"C", "CM", "CD", "CV"})
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


def _has(value: Json, name: str) -> bool:
    """Whether the element is there, as a value or as an extension in its place."""
    return name in value or "_" + name in value


def _chosen(value: Json, name: str) -> list[str]:
    """The elements that are there of a choice such as value[x]."""
    starts = (name, "_" + name)
    return [key for key in value if key.startswith(starts)]


def _coded(concept: Json | None, system: str, codes: set[str]) -> bool:
    """Whether the CodeableConcept holds one of the codes of that HL7 system."""
    codings = (concept or {}).get("coding", ())
    return any(one.get("system") == _TERMINOLOGY + system and one.get("code") in codes for one in codings)


def _hashable(value: Any) -> Hashable:
    """The same for two JSON values that are equal, however often there are such values."""
    if isinstance(value, dict):
        return frozenset((name, _hashable(one)) for name, one in value.items())
    if isinstance(value, list):
        return tuple(map(_hashable, value))
    if isinstance(value, int | Decimal):
        # By its digits: a sender can choose any number of numbers of the same hash, but no such bytes.
        return b"%a" % str(Decimal(value).normalize(_EXACT) if value else 0)
    text: str | None = value
    return text


def _broken(sentence: str, where: str = "") -> Finding:
    return "invariant", sentence, where


def _if(broken: bool, sentence: str) -> Iterable[Finding]:
    return (_broken(sentence),) if broken else ()


def _condition(value: Json) -> Iterator[Finding]:
    status = value.get("clinicalStatus")
    if _chosen(value, "abatement") and not _coded(status, "condition-clinical", _ABATED):
        yield _broken("con-4: a condition that has abated is inactive, resolved or in remission.")
    erroneous = _coded(value.get("verificationStatus"), "condition-ver-status", {"entered-in-error"})
    if erroneous and status is not None:
        yield _broken("con-5: a condition entered in error has no clinicalStatus.")


def _allergy(value: Json) -> Iterator[Finding]:
    system = "allergyintolerance-verification"
    erroneous = _coded(value.get("verificationStatus"), system, {"entered-in-error"})
    if not erroneous and "clinicalStatus" not in value:
        yield _broken("ait-1: clinicalStatus is required unless the entry is in error.")
    if erroneous and "clinicalStatus" in value:
        yield _broken("ait-2: an allergy entered in error has no clinicalStatus.")


def _observation(value: Json) -> Iterator[Finding]:
    if not _chosen(value, "value"):
        return
    if "dataAbsentReason" in value:
        yield _broken("obs-6: dataAbsentReason stands only where there is no value.")
    parts = [one for part in value.get("component", ()) for one in part.get("code", {}).get("coding", ())]
    # As many as there are in either: each is looked at once.
    own = {_hashable(one) for one in value.get("code", {}).get("coding", ())} if parts else set()
    if any(_hashable(one) in own for one in parts):
        # As R4 has it: the whole coding, its display too.
        yield _broken("obs-7: where a component has the observation's own code, the value stands there only.")


def _task(value: Json) -> Iterator[Finding]:
    if is_after(value.get("authoredOn"), value.get("lastModified")):
        yield _broken("inv-1: lastModified is not before authoredOn.")


def _organization(value: Json) -> Iterator[Finding]:
    if "identifier" not in value and not _has(value, "name"):
        yield _broken("org-1: an organization has a name or an identifier.")
    for name, key in (("address", "org-2"), ("telecom", "org-3")):
        for index, one in enumerate(value.get(name, ())):
            if one.get("use") == "home":
                yield _broken(f"{key}: an organization has nothing of use home.", f".{name}[{index}]")


def _parameter(value: Json) -> Iterator[Finding]:
    kinds = [bool(_chosen(value, "value")), "resource" in value, "part" in value]
    if sum(kinds) != 1:
        yield _broken("inv-1: a parameter has exactly one of value, resource and part.")


def _period(value: Json) -> Iterable[Finding]:
    return _if(
        is_after(value.get("start"), value.get("end")), "per-1: a period does not end before its start."
    )


def _number(quantity: Json | None) -> Decimal | int | None:
    value = (quantity or {}).get("value")
    return value if isinstance(value, int | Decimal) else None


def _range(value: Json) -> Iterator[Finding]:
    low, high = value.get("low"), value.get("high")
    least, most = _number(low), _number(high)
    if low is None or high is None or least is None or most is None:
        return
    same_unit = all(low.get(name) == high.get(name) for name in ("system", "code", "unit"))
    if same_unit and least > most:
        yield _broken("rng-2: low is not above high.")


def _ratio(value: Json) -> Iterator[Finding]:
    both = ("numerator" in value) + ("denominator" in value)
    if both == 1 or (both == 0 and "extension" not in value):
        yield _broken("rat-1: numerator and denominator are both present, or both absent with an extension.")


def _quantity(value: Json) -> Iterable[Finding]:
    return _if(_has(value, "code") and not _has(value, "system"), "qty-3: a unit's code needs its system.")


def _measured(key: str, value: Json) -> Iterator[Finding]:
    """The rules that Age, Count and Distance share."""
    yield from _quantity(value)
    if value.get("system", _UCUM) != _UCUM:
        yield _broken(f"{key}: the system is UCUM.")
    if _has(value, "value") and not _has(value, "code"):
        yield _broken(f"{key}: a value needs a code of its unit.")


def _age(value: Json) -> Iterator[Finding]:
    yield from _measured("age-1", value)
    years = _number(value)
    if years is not None and years <= 0:
        yield _broken("age-1: an age is above 0.")


def _count(value: Json) -> Iterator[Finding]:
    yield from _measured("cnt-3", value)
    if value.get("code", "1") != "1" or "." in str(value.get("value", "")):
        yield _broken("cnt-3: a count is a whole number of code 1.")


def _distance(value: Json) -> Iterator[Finding]:
    yield from _measured("dis-1", value)


def _duration(value: Json) -> Iterator[Finding]:
    yield from _quantity(value)
    if _has(value, "code") and not (value.get("system", _UCUM) == _UCUM and _has(value, "value")):
        yield _broken("drt-1: a duration with a code has a value, and UCUM is the code's system.")


def _timing(value: Json) -> Iterator[Finding]:
    for key, name, needed in _TIMING_NEEDS:
        if _has(value, name) and not _has(value, needed):
            yield _broken(f"{key}: {name} needs {needed}.")
    for key, name in (("tim-4", "duration"), ("tim-5", "period")):
        if value.get(name, 0) < 0:
            yield _broken(f"{key}: {name} is not negative.")
    when = value.get("when", ())
    if _has(value, "offset") and (not when or not _MEALS.isdisjoint(when)):
        yield _broken("tim-9: offset needs when, and not at a meal itself.")
    if _has(value, "timeOfDay") and _has(value, "when"):
        yield _broken("tim-10: timeOfDay and when exclude each other.")


_TIMING_NEEDS = (
    ("tim-1", "duration", "durationUnit"),
    ("tim-2", "period", "periodUnit"),
    ("tim-6", "periodMax", "period"),
    ("tim-7", "durationMax", "duration"),
    ("tim-8", "countMax", "count"),
)


def _extension(value: Json) -> Iterable[Finding]:
    broken = ("extension" in value) == bool(_chosen(value, "value"))
    return _if(broken, "ext-1: an extension has either a value or extensions.")


def _trigger(value: Json) -> Iterator[Finding]:
    kind, timing = str(value.get("type")), bool(_chosen(value, "timing"))
    if timing and "data" in value:
        yield _broken("trd-1: a trigger has a timing or data, not both.")
    if "condition" in value and "data" not in value:
        yield _broken("trd-2: a trigger's condition needs data.")
    needed = {"named-event": _has(value, "name"), "periodic": timing}
    if not needed.get(kind, "data" in value or not kind.startswith("data-")):
        yield _broken("trd-3: a named event has a name, a periodic one a timing, one of data its data.")


def _goal_target(value: Json) -> Iterator[Finding]:
    if _chosen(value, "detail") and "measure" not in value:
        yield _broken("gol-1: a target's detail needs its measure.")


def _one_of(sentence: str, *names: str) -> Invariant:
    return lambda value: _if(not any(_has(value, name) for name in names), sentence)


def _needs(sentence: str, name: str, needed: str) -> Invariant:
    return lambda value: _if(_has(value, name) and not _has(value, needed), sentence)


def _not_both(sentence: str, one: str, other: str) -> Invariant:
    return lambda value: _if(one in value and other in value, sentence)


def _either(sentence: str, one: str, other: str) -> Invariant:
    return lambda value: _if(_has(value, one) == _has(value, other), sentence)


# By class of fhir.resources.
INVARIANTS: Final[dict[str, Invariant]] = {
    "Age": _age,
    "AllergyIntolerance": _allergy,
    "Attachment": _needs("att-1: data needs a contentType.", "data", "contentType"),
    "Bundle": bundle_rules.bundle,
    "BundleEntry": bundle_rules.entry,
    "Condition": _condition,
    "ConditionEvidence": _one_of("con-2: evidence has a code or a detail.", "code", "detail"),
    "ConditionStage": _one_of("con-1: a stage has a summary or an assessment.", "summary", "assessment"),
    "ContactPoint": _needs("cpt-2: a value needs a system.", "value", "system"),
    "Count": _count,
    "DataRequirementCodeFilter": _either("drq-1: either path or searchParam.", "path", "searchParam"),
    "DataRequirementDateFilter": _either("drq-2: either path or searchParam.", "path", "searchParam"),
    "Distance": _distance,
    "Duration": _duration,
    "Expression": _one_of("exp-1: there is an expression or a reference.", "expression", "reference"),
    "Extension": _extension,
    "GoalTarget": _goal_target,
    "Observation": _observation,
    "ObservationReferenceRange": _one_of("obs-3: there is a low, a high or a text.", "low", "high", "text"),
    "Organization": _organization,
    "ParametersParameter": _parameter,
    "PatientContact": _one_of(
        "pat-1: a contact has details or an organization.", "name", "telecom", "address", "organization"
    ),
    "Period": _period,
    "Quantity": _quantity,
    "QuestionnaireResponseItem": _not_both(
        "qrs-1: nested items stand below the item or its answers, not both.", "answer", "item"
    ),
    "Range": _range,
    "Ratio": _ratio,
    "ServiceRequest": _needs("prr-1: orderDetail needs a code.", "orderDetail", "code"),
    "Task": _task,
    "TimingRepeat": _timing,
    "TriggerDefinition": _trigger,
}
