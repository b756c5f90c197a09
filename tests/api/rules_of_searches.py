"""Rules of searching: R4's pages on HTTP and on search, for the parameters that the service has."""

import re

from tests.api.charts import CLINICAL, ICD_10_CM, condition, patient, score, therapy
from tests.api.rule import Request, Rule, get, put

WHO = "Patient/{id}"
ONE_ISSUE = "issue.code"
FORM = "application/x-www-form-urlencoded"
DISC = condition(WHO, "M51.26", id="{id}-disc")
ROOT = condition(WHO, "M54.16", id="{id}-root")
TWO = (put("Condition/{id}-disc", DISC), put("Condition/{id}-root", ROOT))
MRN = patient("{id}", identifier=[{"system": "urn:mrn", "value": "{mrn}"}])
IDS = "entry.resource.id"
BOTH = ["{id}-disc", "{id}-root"]
STATUSES = {
    "coding": [
        {"system": CLINICAL, "code": "active"},
        {"system": "urn:local", "code": "A1"},
        {"code": "bare"},
    ]
}


def visit(name: str, day: str) -> Request:
    """A treatment on that day is stored."""
    identity = f"{{id}}-{name}"
    return put(f"Procedure/{identity}", therapy(WHO, day, id=identity))


def on(asked: str, *names: str) -> Rule:
    """What a comparison finds among a visit of 2 March, one of 2 April, and one of some day in March."""
    found: list[object] = [f"{{id}}-{name}" for name in names]
    return Rule(
        get(f"Procedure?patient={{id}}&date={asked}&_sort=_lastUpdated"), 200, {}, {IDS: found}, VISITS
    )


# Two of the same day, the one that came later with the lower id.
TIED = (visit("c", "2026-03-02"), visit("a", "2026-03-02"), visit("b", "2026-04-02"))
VISITS = (visit("a", "2026-03-02"), visit("b", "2026-04-02"), visit("c", "2026-03"))


def found(asked: str, *names: str) -> Rule:
    """What a search among the two Conditions finds, in the order of their arrival."""
    body: dict[str, list[object]] = {IDS: [f"{{id}}-{name}" for name in names], "total": [len(names)]}
    return Rule(get(f"Condition?patient={{id}}&{asked}&_sort=_lastUpdated"), 200, {}, body, TWO)


def refused(asked: str, code: str = "value") -> Rule:
    """A search that cannot be meant."""
    return Rule(get(asked), 400, body={ONE_ISSUE: [code]})


def local_status(asked: str, finds: int = 1) -> Rule:
    """What a clinical status finds where there are a local one and one without a system besides."""
    given = (put("Condition/{id}-disc", {**DISC, "clinicalStatus": STATUSES}),)
    return Rule(get(f"Condition?patient={{id}}&clinical-status={asked}"), 200, {}, {"total": [finds]}, given)


def sorted_by(asked: str, *names: str, used: str) -> Rule:
    """The order of the visits, and what the self link says of it."""
    body: dict[str, list[object]] = {
        IDS: [f"{{id}}-{name}" for name in names],
        "link.url": [f"{{base}}/Procedure?patient={{id}}&{used}".rstrip("&")],
    }
    return Rule(get(f"Procedure?patient={{id}}&{asked}"), 200, {}, body, TIED)


RULES_OF_SEARCHES: dict[str, Rule] = {
    "a search is answered with a searchset": Rule(
        get("Condition?patient={id}"),
        200,
        body={
            "resourceType": ["Bundle"],
            "type": ["searchset"],
            "total": [2],
            "entry.search.mode": ["match", "match"],
            "entry.fullUrl": [re.compile(r"http://.*/fhir/Condition/.*")] * 2,
            "entry.resource.meta.versionId": ["1", "1"],
        },
        given=TWO,
    ),
    "a search without matches is answered 200 all the same": Rule(
        get("Condition?patient={id}"), 200, body={"total": [0], "entry": []}
    ),
    "the self link shows the parameters that were used": Rule(
        get("Condition?hair=red&patient={id}&_count=7"),
        200,
        body={"link.relation": ["self"], "link.url": ["{base}/Condition?patient={id}&_count=7"]},
    ),
    "an unknown parameter is passed by": found("hair=red", "disc", "root"),
    "_count=0 counts": Rule(
        get("Condition?patient={id}&_count=0"), 200, body={"total": [2], "entry": []}, given=TWO
    ),
    "_count bounds a page, and next leads on": Rule(
        get("Condition?patient={id}&_count=1"),
        200,
        body={"total": [2], "link.relation": ["self", "next"], "entry.search.mode": ["match"]},
        given=TWO,
    ),
    "_count beyond any number asks for a page of the largest": Rule(
        get("Condition?patient={id}&_count=99999999999999999999999"),
        200,
        body={"link.url": ["{base}/Condition?patient={id}&_count=500"], "total": [2]},
        given=TWO,
    ),
    "a negative _count is refused": refused("Condition?_count=-1"),
    "a HEAD of a search is answered without a body": Rule(
        Request("HEAD", "Condition?patient={id}"), 200, {"content-length": r"[1-9]\d*"}, {}, TWO
    ),
    "a comma means or": found("code=M51.26,M54.16", "disc", "root"),
    "a parameter twice means and": found("code=M51.26&code=M54.16"),
    "different parameters mean and": found("code=M54.16&clinical-status=active", "root"),
    "a token is a code of any system": found("code=M51.26", "disc"),
    "a token may name its system": found(f"code={ICD_10_CM}|M51.26", "disc"),
    "a token of another system is another": found("code=urn:other|M51.26"),
    "a token may be a whole system": found(f"code={ICD_10_CM}|", "disc", "root"),
    "a token with a bar before it has no system": found("code=|M51.26"),
    "a status is found by its code": found("clinical-status=active", "disc", "root"),
    "a status is found by system and code": found(f"clinical-status={CLINICAL}|active", "disc", "root"),
    "a status is found by its whole system": found(f"clinical-status={CLINICAL}|", "disc", "root"),
    "a status that has a system is not found as one without": found("clinical-status=|active"),
    "a local status beside it is found by its system and code": local_status("urn:local|A1"),
    "a local status is found by its system": local_status("urn:local|"),
    "a local status is found by its code": local_status("A1"),
    "a status without a system is found as one": local_status("|bare"),
    "the status beside these is found": local_status(f"{CLINICAL}|active"),
    "a local status is not of the implied system": local_status(f"{CLINICAL}|A1", finds=0),
    "a plain status is found by its whole system": Rule(
        get("Procedure?patient={id}&status=http://hl7.org/fhir/event-status|"),
        200,
        body={"total": [3]},
        given=VISITS,
    ),
    "a plain status that has a system is not found as one without": Rule(
        get("Procedure?patient={id}&status=|completed"), 200, body={"total": [0]}, given=VISITS
    ),
    "an escaped comma is part of the value": found(r"code=M51.26\,M54.16"),
    "a patient may be named by id": Rule(get("Condition?patient={id}"), 200, body={"total": [2]}, given=TWO),
    "a patient may be named by type and id": Rule(
        get("Condition?patient=Patient/{id}"), 200, body={"total": [2]}, given=TWO
    ),
    "a patient may be named by an address": Rule(
        get("Condition?subject={base}/Patient/{id}"), 200, body={"total": [2]}, given=TWO
    ),
    "a reference may be narrowed to a type": Rule(
        get("Condition?subject:Patient={id}"), 200, body={"total": [2]}, given=TWO
    ),
    "a reference narrowed to another type finds nothing": Rule(
        get("Condition?subject:Group={id}"), 200, body={"total": [0]}, given=TWO
    ),
    "_id finds a resource": found("_id={id}-root", "root"),
    "_id takes alternatives": found("_id={id}-root,{id}-disc,none", "disc", "root"),
    "_lastUpdated narrows": found("_lastUpdated=gt2025-01-01", "disc", "root"),
    "_lastUpdated in the future finds nothing": found("_lastUpdated=gt2990-01-01T00:00:00Z"),
    "_sort orders": Rule(
        get("Procedure?patient={id}&_sort=date&date=sa2026-03-01"),
        200,
        body={IDS: ["{id}-a", "{id}-b"]},
        given=VISITS,
    ),
    "_sort with a minus orders the other way": Rule(
        get("Procedure?patient={id}&_sort=-date&_count=1"), 200, body={IDS: ["{id}-b"]}, given=VISITS
    ),
    "what ties in one order comes by the next": sorted_by(
        "_sort=-date,_lastUpdated", "b", "c", "a", used="_sort=-date%2C_lastUpdated"
    ),
    "the next may go the other way": sorted_by(
        "_sort=date,-_lastUpdated", "a", "c", "b", used="_sort=date%2C-_lastUpdated"
    ),
    "what is not sorted by is left out, and the others hold": sorted_by(
        "_sort=colour,-date,status,_lastUpdated", "b", "c", "a", used="_sort=-date%2C_lastUpdated"
    ),
    "an order twice is as once": sorted_by("_sort=date,-date", "a", "c", "b", used="_sort=date"),
    "of two orders the last counts, and is shown": sorted_by(
        "_sort=date&_sort=-_lastUpdated", "b", "a", "c", used="_sort=-_lastUpdated"
    ),
    "a strict client hears of an order that is not supported": Rule(
        get("Procedure?patient={id}&_sort=-date,status", prefer="handling=strict"), 400
    ),
    "a strict client may ask for two orders": Rule(
        get("Procedure?patient={id}&_sort=-date,_lastUpdated", prefer="handling=strict"), 200
    ),
    "the self link shows the count that was used": sorted_by(
        "_count=1000000&_sort=_lastUpdated", "c", "a", "b", used="_count=500&_sort=_lastUpdated"
    ),
    "of two counts the last is used, and shown": sorted_by(
        "_count=1&_sort=_lastUpdated&_count=3", "c", "a", "b", used="_sort=_lastUpdated&_count=3"
    ),
    "a parameter without a value is passed by": found("code=", "disc", "root"),
    "a strict client may leave a value out too": Rule(
        get("Condition?patient={id}&code=&hair=&_count=", prefer="handling=strict"),
        200,
        body={"total": [2], "link.url": ["{base}/Condition?patient={id}"]},
        given=TWO,
    ),
    "an identifier is found by system and value": Rule(
        get("Patient?identifier=urn:mrn|{mrn}"), 200, body={IDS: ["{id}"]}, given=(put(WHO, MRN),)
    ),
    "a patient's compartment is searched by type": Rule(
        get("Patient/{id}/Condition?code=M54.16"), 200, body={IDS: ["{id}-root"]}, given=TWO
    ),
    "a compartment of what belongs to no patient is not found": Rule(get("Patient/{id}/Location"), 404),
    "_include of a Task's focus is taken, and shown by the self link": Rule(
        get("Task?_include=Task:focus&patient={id}"),
        200,
        body={"total": [0], "link.url": ["{base}/Task?_include=Task%3Afocus&patient={id}"]},
    ),
    "_include may be restricted to any type": Rule(
        get("Task?_include=Task:focus:Procedure&patient={id}"),
        200,
        body={"link.url": ["{base}/Task?_include=Task%3Afocus%3AProcedure&patient={id}"]},
    ),
    "_include restricted to what is no type is passed by": Rule(
        get("Task?_include=Task:focus:Thing&patient={id}", prefer="handling=strict"), 400
    ),
    "_include of what is not supported is passed by": Rule(
        get("Condition?_include=Condition:encounter&patient={id}"),
        200,
        body={"total": [2], "link.url": ["{base}/Condition?patient={id}"]},
        given=TWO,
    ),
    # dates: the range of the resource against the range of the parameter
    "a date finds what lies within it": on("2026-03", "a", "c"),
    "eq finds what lies within the date": on("eq2026-03-02", "a"),
    "ne finds what does not lie within the date": on("ne2026-03-02", "b", "c"),
    "gt finds what reaches beyond the date": on("gt2026-03-02", "b", "c"),
    "ge finds what lies within or reaches beyond the date": on("ge2026-03-02", "a", "b", "c"),
    "lt finds what begins before the date": on("lt2026-03-02", "c"),
    "le finds what lies within or begins before the date": on("le2026-03-02", "a", "c"),
    "sa finds what begins after the date": on("sa2026-03-02", "b"),
    "eb finds what ends before the date": on("eb2026-04-02", "a", "c"),
    "a timing is found within its outer limits": Rule(
        get("Observation?patient={id}&date=2026-01"),
        200,
        body={"total": [1]},
        given=(
            put(
                "Observation/{id}",
                {
                    **score(WHO, 5, id="{id}"),
                    "effectiveTiming": {
                        "event": ["2026-01-03"],
                        "repeat": {"boundsPeriod": {"start": "2026-01-01", "end": "2026-01-31"}},
                    },
                },
            ),
        ),
    ),
    "two comparisons bound a range": on("ge2026-03-02&date=lt2026-04-01", "a", "c"),
    "the last date of the calendar is later than any other": on("lt9999-12-31", "a", "b", "c"),
    "nothing begins after the last date": on("sa9999-12-31T23:59:59-14:00"),
    "an instant before the first date is before any other": on("gt0001-01-01T00:00:00+14:00", "a", "b", "c"),
    "a date of no calendar is refused": refused("Procedure?date=2026-02-30"),
    "what is no date is refused": refused("Procedure?date=lately"),
    # what must not be passed by
    ":not is refused": refused("Condition?code:not=M51.26"),
    ":missing is refused": refused("Condition?code:missing=true"),
    ":in is refused": refused("Condition?code:in=http://example.org/vs"),
    ":exact of an unknown parameter is refused": refused("Patient?name:exact=Ann", "not-supported"),
    "a chain is refused": refused("Condition?subject.birthdate=1970", "not-supported"),
    "a chain with a type is refused": refused("Condition?subject:Patient.name=Ann"),
    "a reverse chain is refused": refused("Patient?_has:Condition:patient:code=x", "not-supported"),
}
