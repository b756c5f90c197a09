"""Who did what with a referral, and what they wrote, the newest first."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from referral_service.api.worklist import fate, words
from referral_service.api.worklist.site import Visit
from referral_service.fhir.parse import parse
from referral_service.fhir.search.query import parse as search_of
from referral_service.fhir.search.table import KINDS
from referral_service.store.search import Search
from referral_service.workflow.review import Opened

Json = dict[str, Any]
_SAID: Final = {
    "approve": "approved",
    "decline": "declined",
    "withdraw": "withdrew",
    "acknowledge": "acknowledged the red flag",
    "claim": "claimed",
    "release": "released",
    "reassign": "reassigned",
    "complete": "completed the review",
    "close": "closed it administratively",
    **fate.DONE,
}
_SERVICE: Final = ("Device/referral-service", None)
# Whoever fulfils is told apart from people by the server that was asked.
_CLINIC: Final = "Device/fulfiller"
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class Line(NamedTuple):
    """Who did what when; `text` is what they wrote."""

    at: datetime | None
    who: str
    what: str
    text: str = ""


def history(visit: Visit, found: Opened) -> list[Line]:
    """Every step, from the Provenances; every note, from the Tasks."""
    lines = [*_steps(visit, found), *_notes(found)]
    return sorted(lines, key=lambda line: line.at or _LONG_AGO, reverse=True)


def _steps(visit: Visit, found: Opened) -> Iterator[Line]:
    subjects = ",".join(f"{type}/{id}" for type, id in found.resources)
    query = search_of(
        KINDS["Provenance"],
        [("target", subjects), ("_sort", "-_lastUpdated"), ("_count", "100")],
        as_of=visit.service.clock.as_of(),
    )
    for one in Search(visit.service.store.engine).page(visit.tenant, query).matches:
        yield _step(parse(one.body))


def _step(provenance: Json) -> Line:
    verb = provenance.get("activity", {}).get("text", "")
    who = name(provenance["agent"][0]["who"].get("reference"))
    return Line(moment(provenance.get("recorded")), who, _SAID.get(verb, verb) or _BY_ITSELF)


_BY_ITSELF: Final = "wrote or changed it after a decision"


def name(reference: str | None) -> str:
    """Somebody, or the service, or the clinic's own system."""
    if reference in _SERVICE:
        return "The service"
    return "The clinic" if reference == _CLINIC else words.person(reference)


def _notes(found: Opened) -> Iterator[Line]:
    """What people wrote on the review and on the Task to fulfil the order."""
    for (type, _), stored in found.resources.items():
        if type != "Task":
            continue
        for note in parse(stored.body).get("note", ()):
            if "text" in note:
                author = note.get("authorReference", {})
                named = words.person(author.get("reference")) or author.get("display")
                said = named or note.get("authorString") or "Somebody"
                yield Line(moment(note.get("time")), said, "wrote", note["text"])


def moment(said: str | None) -> datetime | None:
    """An instant; None for less than that."""
    try:
        found = datetime.fromisoformat(said or "")
    except ValueError:
        return None
    return found if found.tzinfo else None
