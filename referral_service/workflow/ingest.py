"""Ingest: checked resources become one transaction of the store, with the facts and terms read from them."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

import msgspec

from referral_service.core.flags import may_be_flag
from referral_service.core.problem import Category, Issue, Problem
from referral_service.fhir.parse import dump
from referral_service.fhir.read import Reader, patient_of
from referral_service.fhir.search import terms as index
from referral_service.fhir.search.table import KINDS
from referral_service.workflow.ports import Happening, PatientId, Stored, Tenant, Term, Write

Json = dict[str, Any]
# The store says these; a sender's own would be wrong here.
_STORE_SAYS = frozenset({"versionId", "lastUpdated", "_versionId", "_lastUpdated"})


class Inbox(Protocol):
    """The part of the store that takes writes without making its caller wait."""

    def submit(
        self, tenant: Tenant, writes: Sequence[Write], happenings: Sequence[Happening]
    ) -> Future[list[Stored]]:
        """As Store.commit; done once the writes are durable, or failed with its Problem."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender asks of one resource: its new content with an id. `expected`, `is_posted` as in Write.

    `path` is the FHIRPath of the resource in what was sent.
    """

    resource: Json
    path: str
    expected: int | None = None
    is_posted: bool = False


class Ingest:
    """The verb; `reader` gives the facts, `inbox` takes the writes."""

    def __init__(self, inbox: Inbox, reader: Reader) -> None:
        """Both are shared by every call."""
        self._inbox = inbox
        self._reader = reader

    def writes(self, changes: Iterable[Change]) -> list[Write]:
        """The changes as writes; Problem REFUSED, an issue a change, where a patient is missing."""
        found, refused = [], []
        for change in changes:
            written = self._write(change)
            if isinstance(written, Write):
                found.append(written)
            else:
                refused.append(written)
        if refused:
            raise Problem(Category.REFUSED, *refused)
        return found

    def submit(
        self, tenant: Tenant, writes: Sequence[Write], actor: str, address: str = ""
    ) -> Future[list[Stored]]:
        """Stores all or nothing, a line of the ledger for each write; the future answers in their order.

        `address`, if it is to be on record, is where the request came from.
        """
        return self._inbox.submit(tenant, writes, happenings(writes, actor, address))

    def _write(self, change: Change) -> Write | Issue:
        resource = _settled(change.resource)
        kind = KINDS[resource["resourceType"]]
        patient = patient_of(resource)
        if kind.patient and patient is None:
            sentence = f"{kind.type}.{kind.patient} must refer to a Patient."
            return Issue("business-rule", sentence, f"{change.path}.{kind.patient}")
        facts = self._reader.facts(resource)
        return Write(
            type=kind.type,
            id=resource["id"],
            body=dump(resource),
            patient=PatientId(patient) if patient else None,
            facts=facts,
            is_pressing=any(map(may_be_flag, facts)),
            terms=terms(resource),
            expected=change.expected,
            is_posted=change.is_posted,
            identity=self._reader.identity(resource),
        )


def happenings(writes: Iterable[Write], actor: str, address: str = "") -> list[Happening]:
    """The lines of the ledger that go with them; with an address they say what an AuditEvent needs."""
    return [
        Happening(
            "deleted" if write.is_deleted else "received",
            f"{write.type}/{write.id}",
            actor,
            _told(write, address) if address else {},
        )
        for write in writes
    ]


def _told(write: Write, address: str) -> dict[str, str]:
    did = "delete" if write.is_deleted else "create" if write.is_posted else "update"
    told = {"did": did, "from": address}
    return {**told, "patients": f" {write.patient} "} if write.patient else told


def deletion(kind: str, identity: str, expected: int | None = None) -> Write:
    """The write that deletes a resource; the store knows whose it was."""
    return Write(type=kind, id=identity, body=b"", facts=(), expected=expected, is_deleted=True)


def terms(resource: Json) -> tuple[Term, ...]:
    """What a resource can be searched by, ours as well as a sender's."""
    return tuple(index.entries(resource))


def _settled(resource: Json) -> Json:
    """The content as it is kept: type, id and meta first, so that an answer needs no second reading."""
    first: Json = {"resourceType": resource["resourceType"], "id": resource["id"]}
    if "meta" not in resource:
        return first | resource
    meta = {key: value for key, value in resource["meta"].items() if key not in _STORE_SAYS}
    settled = first | {"meta": meta} | resource | {"meta": meta}
    if not meta:
        del settled["meta"]
    return settled
