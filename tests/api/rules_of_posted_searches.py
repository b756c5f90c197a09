"""Rules of searches by POST, whose parameters are a form."""

from tests.api.charts import patient
from tests.api.rule import Request, Rule, post, put
from tests.api.rules_of_searches import BOTH, IDS, TWO, WHO

FORM = "application/x-www-form-urlencoded"
LONG = put(WHO, patient("{id}", identifier=[{"system": "urn:mrn", "value": "{id}" + "z" * 2100}]))


def form(sent: str, kind: str = "Condition") -> Request:
    """A search by POST."""
    return post(f"{kind}/_search", sent, content_type=FORM)


RULES_OF_POSTED_SEARCHES: dict[str, Rule] = {
    "a search may be posted as a form": Rule(
        form("patient={id}&_sort=_lastUpdated"), 200, body={IDS: BOTH}, given=TWO
    ),
    "a posted search takes parameters from its address too": Rule(
        post("Condition/_search?patient={id}", "code=M54.16", content_type=FORM),
        200,
        body={IDS: ["{id}-root"]},
        given=TWO,
    ),
    "a posted search without a body finds what its address says": Rule(
        post("Condition/_search?patient={id}", "", content_type=FORM), 200, body={"total": [2]}, given=TWO
    ),
    "_format counts in a posted form": Rule(form("patient={id}&_format=xml"), 406),
    "_format in a posted form goes before the Accept header": Rule(
        post(
            "Condition/_search",
            "patient={id}&_format=json",
            content_type=FORM,
            accept="application/fhir+xml",
        ),
        200,
    ),
    "a search is not posted as JSON": Rule(post("Condition/_search", {"patient": "x"}), 415),
    "a posted search passes a parameter without a value by too": Rule(
        form("patient={id}&code="), 200, body={"total": [2]}, given=TWO
    ),
    "an identifier too long for an index is found": Rule(
        form("identifier=urn:mrn|{id}" + "z" * 2100, "Patient"), 200, body={IDS: ["{id}"]}, given=(LONG,)
    ),
    "and so is whoever has it in any system": Rule(
        form("identifier={id}" + "z" * 2100, "Patient"), 200, body={IDS: ["{id}"]}, given=(LONG,)
    ),
    "a patient's compartment is searched by POST too": Rule(
        post("Patient/{id}/Condition/_search", "code=M54.16", content_type=FORM),
        200,
        body={IDS: ["{id}-root"]},
        given=TWO,
    ),
}
