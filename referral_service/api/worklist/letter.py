"""The letter of an approved order, for whoever is to see the patient: what is asked, and what it rests on.

It says what the order says, and the criteria of the decision version that the order names, not today's.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from referral_service.api.errors import HttpProblem
from referral_service.api.worklist import words
from referral_service.api.worklist.person import Person, person_of
from referral_service.api.worklist.site import Visit
from referral_service.api.worklist.why import dated
from referral_service.core.explain import CRITERIA
from referral_service.core.referral import Referral
from referral_service.fhir.parse import parse
from referral_service.workflow.review import Opened

Json = dict[str, Any]


class Line(NamedTuple):
    """One criterion: what was asked, the answer, the figure against its threshold, the days it rests on."""

    asks: str
    answer: str
    value: str
    threshold: str
    days: str


class Letter(NamedTuple):
    """All that the page and the PDF show. `paragraphs`: the wording of the order, with its caveats."""

    task: str
    identifier: str
    person: Person
    asks_for: str
    region: str
    priority: str
    conditions: list[str]
    paragraphs: list[str]
    lines: list[Line]
    coverage: list[str]
    approved_by: str
    approved_at: str
    pathway: str
    printed_at: str


def may_be_read(referral: Referral) -> bool:
    """Whether the letter is kept as one that somebody may have: it was printed, or the order is out."""
    is_valid = referral.order is not None and referral.order_status in ("active", "completed")
    return is_valid and (referral.fulfillment_status != "draft" or referral.may_be_sent)


def letter(visit: Visit, found: Opened) -> Letter:
    """The letter of an order; 404 where there is none to be read."""
    referral = found.referral
    if not may_be_read(referral):
        raise HttpProblem(
            404, "not-found", "There is no letter to be read. It is printed from the referral's page."
        )
    order = parse(found.resources["ServiceRequest", referral.order or ""].body)
    guidance = _guidance(visit, order)
    patient = _read(visit, f"Patient/{found.patient}")
    clock = visit.service.clock
    return Letter(
        task=referral.task,
        identifier=order["identifier"][0]["value"],
        person=person_of(patient[1] if patient else None, found.patient),
        asks_for=order["code"]["text"],
        region=referral.region or "",
        priority=words.priority(referral)[1],
        conditions=list(_conditions(visit, order)),
        paragraphs=[note["text"] for note in order.get("note", ()) if "text" in note],
        lines=list(_lines(visit, found, guidance)),
        coverage=list(_coverage(visit, order)),
        approved_by=words.person(order.get("requester", {}).get("reference")),
        approved_at=order.get("authoredOn", "")[:10],
        pathway=f"{visit.service.pathway.title}, {(order.get('instantiatesCanonical') or [''])[0]}",
        printed_at=visit.moment(clock.now()),
    )


def _read(visit: Visit, reference: str) -> tuple[Json, bytes] | None:
    """A resource in the version that a reference names, else as it stands."""
    parts = reference.split("/")
    version = int(parts[3]) if len(parts) == 4 and parts[3].isdecimal() else None
    if len(parts) not in (2, 4):
        return None
    stored = visit.service.store.read(visit.tenant, parts[0], parts[1], version)
    return (parse(stored.body), stored.body) if stored and not stored.is_deleted else None


def _guidance(visit: Visit, order: Json) -> Json:
    """The decision that the order rests on."""
    named = (one.get("reference", "") for one in order.get("supportingInfo", ()))
    reference = next((one for one in named if one.startswith("GuidanceResponse/")), "")
    found = _read(visit, reference) if reference else None
    return found[0] if found else {}


def _lines(visit: Visit, found: Opened, guidance: Json) -> Iterator[Line]:
    days = dated(visit.service.store.facts_of(visit.tenant, found.patient))
    contained = guidance.get("contained") or [{}]
    for parameter in contained[0].get("parameter", ()):
        if parameter["name"] == "criterion":
            yield _line(parameter["part"], days)


def _line(parts: list[Json], days: Mapping[str, str]) -> Line:
    by_name = {part["name"]: part for part in parts}
    evidence = [part["valueReference"]["reference"] for part in parts if part["name"] == "evidence"]
    status = by_name["status"]["valueCode"]
    when = sorted({day for one in evidence if (day := days.get(one))})
    return Line(
        CRITERIA[by_name["id"]["valueCode"]],
        words.ANSWERS[status][1],
        _figure(by_name.get("value")),
        _figure(by_name.get("threshold")),
        f"{when[0]} to {when[-1]}" if len(when) > 1 else "".join(when),
    )


def _figure(part: Json | None) -> str:
    if part is None:
        return ""
    quantity = part.get("valueQuantity")
    if quantity is None:
        return str(part.get("valueString", ""))
    return words.amount(quantity["value"], quantity.get("code") or quantity.get("unit") or "")


def _conditions(visit: Visit, order: Json) -> Iterator[str]:
    """The diagnoses: in the sender's words where there are some, else in ours, with their codes."""
    for reason in order.get("reasonReference", ()):
        found = _read(visit, reason.get("reference", ""))
        code = found[0].get("code", {}) if found else {}
        codings = [one for one in code.get("coding", ()) if one.get("code")]
        said = code.get("text") or next((one["display"] for one in codings if one.get("display")), "")
        said = said or _in_our_words(visit, code)
        codes = ", ".join(dict.fromkeys(one["code"] for one in codings))
        if said or codes:
            yield f"{said} ({codes})" if said and codes else said or codes


def _in_our_words(visit: Visit, code: Json) -> str:
    """What the pathway takes a code for, be it that a red flag was sent without a word."""
    concepts = visit.service.terminology.concepts()
    titles = (concepts[it.concept].title for it in visit.service.terminology.meanings(code))
    return "; ".join(dict.fromkeys(titles))


def _coverage(visit: Visit, order: Json) -> Iterator[str]:
    for insurance in order.get("insurance", ()):
        found = _read(visit, insurance.get("reference", ""))
        if found is None:
            continue
        payors = [one.get("display") or one.get("reference", "") for one in found[0].get("payor", ())]
        kind = found[0].get("type", {})
        named = kind.get("text") or next((one.get("display") for one in kind.get("coding", ())), "") or ""
        said = ", ".join(one for one in (named, *payors, found[0].get("subscriberId", "")) if one)
        if said:
            yield said
