"""Which pages somebody who is signed in may open. Pure; whatever is not allowed here is closed.

| role | pages | acts |
|---|---|---|
| coordinator, clinician | all | all |
| auditor | all | none |
| operator | the measures | none |

Whoever comes out of a patient's chart opens that patient's pages alone, whatever their role. In an emergency
those who may act read another's beside (api/login/emergency.py).
"""

import re
from typing import Final, Literal, NamedTuple

from referral_service.auth.principal import Principal, Role

_READING: Final = frozenset({"GET", "HEAD"})
_ACTING: Final[frozenset[Role]] = frozenset({"coordinator", "clinician"})
_SEEING: Final[frozenset[Role]] = _ACTING | {"auditor"}
_LISTS: Final = "/worklist"
# What is looked for on a list comes in a form: an address would be kept and logged.
_LOOKING: Final = "/worklist/list/"
_MEASURES: Final = "/worklist/measures"
_REFERRAL: Final = "/worklist/referral/"
_PATIENT: Final = re.compile(r"/worklist/patient/([A-Za-z0-9.-]{1,64})")
_RECORD: Final = re.compile(
    r"/worklist/record/([A-Z][A-Za-z]*)/([A-Za-z0-9.-]{1,64})(?:/_history/([0-9]{1,9}))?"
)
# What was done with patients' data.
_AUDITS: Final = ("/worklist/record/AuditEvent/", "/fhir/AuditEvent")
# Who is looking is known here, and said by nobody.
_NEVER: Final = frozenset({"/worklist/me"})
ENTRIES: Final = frozenset({"/", _LISTS})
# What a request of somebody signed in has beside its principal: the token that its forms must bring, and
# whether the session has not ended meanwhile.
FORM_TOKEN: Final = "form_token"  # noqa: S105 - a name
IS_CURRENT: Final = "is_current"
# And why they see what is open to them in an emergency alone.
PURPOSE: Final = "purpose"


def home(principal: Principal) -> str:
    """The first page that somebody may open."""
    if principal.patient is not None:
        return f"/worklist/patient/{principal.patient}"
    return _LISTS if may_see_all(principal) else _MEASURES


def may_see_all(principal: Principal) -> bool:
    """Whether the lists of all patients are open."""
    return principal.patient is None and not principal.roles.isdisjoint(_SEEING)


def may_act(principal: Principal) -> bool:
    """Whether they may change anything."""
    return principal.is_open or not principal.roles.isdisjoint(_ACTING)


def may_override(principal: Principal) -> bool:
    """Whether they may read another patient's pages in an emergency."""
    return principal.patient is not None and may_act(principal)


def is_reading(method: str, path: str) -> bool:
    """Whether a request of a page changes nothing."""
    return method in _READING or (method == "POST" and path.startswith(_LOOKING))


def may_open(principal: Principal, method: str, path: str) -> bool:
    """Whether a request is allowed, as far as its address says; see `subject_of`."""
    if path in _NEVER or not (is_reading(method, path) or may_act(principal)):
        return False
    if principal.patient is not None:
        return subject_of(principal, path) is not None
    if may_see_all(principal):
        return "auditor" in principal.roles or not path.startswith(_AUDITS)
    return "operator" in principal.roles and (path == _MEASURES or path.startswith(f"{_MEASURES}/"))


class Subject(NamedTuple):
    """What a page is about: a patient, a referral by its Task, a version of a resource (None: current)."""

    kind: Literal["patient", "referral", "record"]
    type: str
    id: str
    version: int | None = None


def subject_of(principal: Principal, path: str) -> Subject | None:
    """What must be of the principal's one patient; None where that is no matter."""
    if principal.patient is None:
        return None
    if path.startswith(_REFERRAL):
        return Subject("referral", "Task", path.removeprefix(_REFERRAL).partition("/")[0])
    if chart := _PATIENT.fullmatch(path):
        return Subject("patient", "Patient", chart[1])
    record = _RECORD.fullmatch(path)
    return Subject("record", record[1], record[2], int(record[3]) if record[3] else None) if record else None
