"""What one evaluation writes: each resource as it was put last, what is deleted, the ledger's lines."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from referral_service.fhir.parse import dump
from referral_service.fhir.read import patient_of
from referral_service.workflow.ingest import terms
from referral_service.workflow.ports import Happening, PatientId, Write

Json = dict[str, Any]


class Sheaf:
    """Collects. Of a resource that names no patient `patient` is the one."""

    def __init__(self, patient: PatientId, actor: str) -> None:
        """Empty."""
        self._patient = patient
        self._actor = actor
        self._resources: dict[tuple[str, str], Json] = {}
        self._deleted: list[tuple[str, str]] = []
        self.happenings: list[Happening] = []

    def put(self, resource: Json) -> None:
        """A new version of it."""
        self._resources[resource["resourceType"], resource["id"]] = resource

    def delete(self, type: str, id: str) -> None:
        """It is gone."""
        self._deleted.append((type, id))

    def happened(self, kind: str, subject: str, detail: dict[str, str] | None = None) -> None:
        """A line of the ledger."""
        self.happenings.append(Happening(kind, subject, self._actor, detail or {}))

    def writes(self) -> tuple[Write, ...]:
        """As the store takes them."""
        return (
            *(self._write(resource) for resource in self._resources.values()),
            *(
                Write(type=type, id=id, body=b"", patient=self._patient, is_deleted=True)
                for type, id in self._deleted
            ),
        )

    def _write(self, resource: Json) -> Write:
        return Write(
            type=resource["resourceType"],
            id=resource["id"],
            body=dump(resource),
            patient=PatientId(patient_of(resource) or self._patient),
            terms=terms(resource),
        )


def name_of(*parts: str) -> str:
    """The id of what is the only one of these, the same whenever and wherever it is written."""
    return str(uuid5(NAMESPACE_URL, "|".join(parts)))
