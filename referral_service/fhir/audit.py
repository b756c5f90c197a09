"""A line of the ledger as an AuditEvent after IHE BALP (Basic Audit Log Patterns, 1.1): ids, never values.

Sources: BALP's profiles IHE.BasicAudit.{Create, Read, Update, Delete, Query} and their variants with a
patient; R4's code systems restful-interaction, audit-event-type, audit-entity-type, object-role,
security-source-type, extra-security-role-type and network-type; DICOM's DCM. What BALP has no profile for
(operations, Bundles, pages, signing in, what the service does by itself) is an AuditEvent of R4 alone.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from referral_service.fhir.definitions import R4_TYPES
from referral_service.fhir.search.reference import local

Json = dict[str, Any]
# The kind of a line that says who asked for what; others, that write something, may say so beside.
AUDIT: Final = "audit"
# What a page for people is in such a line, where an interaction has its code.
PAGE: Final = "page"
# The same for coming in and leaving; their lines are about nobody else, so that each is its own subject.
LOGIN: Final = "login"
LOGOUT: Final = "logout"
# Somebody who may see one patient alone begins to read another's pages; and what they read says why too.
EMERGENCY: Final = "emergency"
# As who somebody acts of whom nothing is known.
UNKNOWN: Final = "unknown"
SERVICE: Final = "Device/referral-service"
# No ledger is longer, and every database takes such a number.
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}")
_TERMS: Final = "http://terminology.hl7.org/CodeSystem"
_DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_PROFILES: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_PROFILE: Final = {
    "create": "Create",
    "read": "Read",
    "vread": "Read",
    "update": "Update",
    "patch": "Update",
    "delete": "Delete",
    "search-type": "Query",
}
ACTIONS: Final = {
    "create": "C",
    "read": "R",
    "vread": "R",
    "history-instance": "R",
    "update": "U",
    "patch": "U",
    "delete": "D",
    "search-type": "E",
    "transaction": "E",
    "batch": "E",
    "operation": "E",
}
_READING: Final = frozenset({"read", "vread", "history-instance"})
_REFUSED, _FAILED = 400, 500


def _coding(system: str, code: str, display: str) -> Json:
    return {"system": system, "code": code, "display": display}


_REST: Final = _coding(f"{_TERMS}/audit-event-type", "rest", "RESTful Operation")
_RECORD: Final = _coding(_DICOM, "110110", "Patient Record")
_AUTHENTICATION: Final = _coding(_DICOM, "110114", "User Authentication")
# What concerns who may come in: its type and subtype.
_SECURITY: Final = {
    LOGIN: (_AUTHENTICATION, _coding(_DICOM, "110122", "Login")),
    LOGOUT: (_AUTHENTICATION, _coding(_DICOM, "110123", "Logout")),
    EMERGENCY: (
        _coding(_DICOM, "110113", "Security Alert"),
        _coding(_DICOM, "110127", "Emergency Override Started"),
    ),
}
_INTERACTION: Final = "http://hl7.org/fhir/restful-interaction"
# What is done, by the subtype of its event as "system|code".
SUBTYPES: Final = {
    **{f"{_INTERACTION}|{code}": code for code in ACTIONS},
    **{f"{subtype['system']}|{subtype['code']}": did for did, (_, subtype) in _SECURITY.items()},
}
_REASONS: Final = f"{_TERMS}/v3-ActReason"
_PURPOSES: Final = {
    "BTG": _coding(_REASONS, "BTG", "break the glass"),
    "ETREAT": _coding(_REASONS, "ETREAT", "Emergency Treatment"),
    "PATSFTY": _coding(_REASONS, "PATSFTY", "patient safety"),
}
_SOURCE: Final = _coding(_DICOM, "110153", "Source Role ID")
_DESTINATION: Final = _coding(_DICOM, "110152", "Destination Role ID")
_APPLICATION: Final = _coding(_DICOM, "110150", "Application")
_CUSTODIAN: Final = _coding(f"{_TERMS}/provenance-participant-type", "custodian", "Custodian")
_RECIPIENT: Final = _coding(f"{_TERMS}/v3-ParticipationType", "IRCP", "information recipient")
_AUTHOR: Final = _coding(f"{_TERMS}/v3-ParticipationType", "AUT", "author (originator)")
_HUMAN: Final = _coding(f"{_TERMS}/extra-security-role-type", "humanuser", "human user")
_PERSON: Final = _coding(f"{_TERMS}/audit-entity-type", "1", "Person")
_OBJECT: Final = _coding(f"{_TERMS}/audit-entity-type", "2", "System Object")
_PATIENT: Final = _coding(f"{_TERMS}/object-role", "1", "Patient")
_RESOURCE: Final = _coding(f"{_TERMS}/object-role", "4", "Domain Resource")
_QUERY: Final = _coding(f"{_TERMS}/object-role", "24", "Query")
_SERVER: Final = _coding(f"{_TERMS}/security-source-type", "4", "Application Server")


def line_number(id: str) -> int | None:
    """The number of the line that has this id as an AuditEvent; None where no line can have it."""
    return int(id) if _NUMBER.fullmatch(id) else None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the ledger, and the ids of the patients whose data it is about, as far as they are known."""

    seq: int
    at: datetime
    kind: str
    subject: str
    actor: str
    detail: Mapping[str, str]
    patients: tuple[str, ...] = ()


def event(line: Line, address: str) -> Json:
    """The AuditEvent of a line; its id is the line's number. `address` is where clients reach the service."""
    did = line.detail.get("did", "")
    # Elsewhere a status is what is told of a Task.
    status = int(line.detail.get("status", "200")) if did else 200
    recorded = line.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    found: Json = {"resourceType": "AuditEvent", "id": str(line.seq)}
    if profile := _profile(line, did, status):
        found["meta"] = {"profile": [_PROFILES + profile]}
    found |= _what(line, did, status, recorded)
    found["agent"] = _agents(line, did, address) if "from" in line.detail else [_alone(line.actor)]
    found["source"] = {"observer": {"reference": SERVICE}, "type": [_SERVER]}
    if entities := [*_objects(line, did), *map(_patient, line.patients)]:
        found["entity"] = entities
    return found


def _profile(line: Line, did: str, status: int) -> str:
    """BALP's profiles are for what succeeded; a search of several patients has that without a patient."""
    if status >= _REFUSED or "from" not in line.detail or did not in _PROFILE:
        return ""
    return ("Patient" if len(line.patients) == 1 else "") + _PROFILE[did]


def _what(line: Line, did: str, status: int, recorded: str) -> Json:
    outcome = "0" if status < _REFUSED else "4" if status < _FAILED else "8"
    told: Json = {"type": _RECORD, "action": "E", "recorded": recorded, "outcome": outcome}
    if did in ACTIONS:
        subtype = [_coding(_INTERACTION, did, did)]
        return {**told, "type": _REST, "subtype": subtype, "action": ACTIONS[did], "outcomeDesc": str(status)}
    if did in _SECURITY:
        kind, narrower = _SECURITY[did]
        return {**told, "type": kind, "subtype": [narrower], "outcomeDesc": _outcome(line, status)}
    if did == PAGE:
        return {**told, "action": line.detail["action"], "outcomeDesc": str(status)}
    return {**told, "outcomeDesc": line.kind}


def _outcome(line: Line, status: int) -> str:
    """The status, why it is so, and how many of the kind before it have no line of their own."""
    why, unsaid = line.detail.get("why", ""), line.detail.get("unsaid", "")
    return f"{status} {why}".rstrip() + (f"; {unsaid} more before it" if unsaid else "")


def _agents(line: Line, did: str, address: str) -> list[Json]:
    """The client and ourselves, named as BALP does, and whoever uses the client if that is a person."""
    is_reading = did in _READING or line.detail.get("action") == "R"
    client, server = (_DESTINATION, _SOURCE) if is_reading else (_SOURCE, _DESTINATION)
    if did == "delete":
        client, server = _APPLICATION, _CUSTODIAN
    is_person = not line.actor.startswith("Device/")
    by = {"display": "A client of theirs"} if is_person else _who(line.actor)
    network = {"address": line.detail["from"], "type": "2"}
    here = {"address": address, "type": "5"}
    agents: list[Json] = [
        {"type": _typed(client), "who": by, "requestor": not is_person, "network": network},
        {
            "type": _typed(server),
            "who": {"identifier": {"value": address}},
            "requestor": False,
            "network": here,
        },
    ]
    if is_person:
        takes = is_reading or did == "search-type"
        person = _typed(_HUMAN if did in _SECURITY else _RECIPIENT if takes else _AUTHOR)
        why = _purposes(line.detail.get("purpose", ""))
        agents.append({"type": person, "who": _who(line.actor), "requestor": True, **why})
    return agents


def _purposes(purpose: str) -> Json:
    """Of what is only open in an emergency: that, and why."""
    return {"purposeOfUse": [_typed(_PURPOSES[one]) for one in ("BTG", purpose)]} if purpose else {}


def _alone(actor: str) -> Json:
    return {"who": _who(actor), "requestor": True}


def _who(actor: str) -> Json:
    """Operators' commands have a name in the ledger that is no reference."""
    is_reference = local(actor) == actor and actor.partition("/")[0] in R4_TYPES
    return {"reference": actor} if is_reference else {"display": actor}


def _typed(coding: Json) -> Json:
    return {"coding": [coding]}


def _objects(line: Line, did: str) -> list[Json]:
    """What was asked for: a resource, or a search by the names of its parameters alone."""
    asked = line.detail.get("asked", "")
    if did == "search-type":
        text = f"{line.subject}?{asked.replace(',', '&')}"
        return [{"type": _OBJECT, "role": _QUERY, "query": b64encode(text.encode()).decode()}]
    told = {"description": asked} if asked else {}
    if did in _SECURITY and line.subject == did:
        return [{"type": _OBJECT, **told}]
    if local(line.subject) == line.subject:
        return [{"what": {"reference": line.subject}, "type": _OBJECT, "role": _RESOURCE, **told}]
    named = {"what": {"display": line.subject}} if line.subject in R4_TYPES else {}
    return [{**named, "type": _OBJECT, "role": _RESOURCE, **told}] if named or told else []


def _patient(id: str) -> Json:
    return {"what": {"reference": f"Patient/{id}"}, "type": _PERSON, "role": _PATIENT}
