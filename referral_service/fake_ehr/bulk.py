"""Bulk export: everything, every patient, or a Group, as files of NDJSON.

Source: https://hl7.org/fhir/uv/bulkdata/STU2/export.html.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from referral_service.fake_ehr.answer import Answer, Ask, Refused
from referral_service.fake_ehr.elements import ABOUT, references
from referral_service.fake_ehr.manners import Manners
from referral_service.fake_ehr.settle import there
from referral_service.fake_ehr.store import Store, Version, instant
from referral_service.fhir.parse import dump
from referral_service.fhir.search.dates import BEGINNING, span

Json = dict[str, Any]
_FORMATS: Final = ("application/fhir+ndjson", "application/ndjson", "ndjson")
_KNOWN: Final = frozenset({"_since", "_type", "_outputFormat"})


class _Job(msgspec.Struct, kw_only=True):
    """One export: its files by name, each with its resource type, and how often it is still unready."""

    at: datetime
    request: str
    files: Mapping[str, tuple[str, bytes]]
    deleted: Mapping[str, tuple[str, bytes]]
    polls: int
    polls_left: int


class Exports:
    """The exports that were asked for and not deleted; each has what there was when it was asked for."""

    def __init__(self, store: Store, manners: Manners, is_login_needed: bool) -> None:
        """`is_login_needed`: the files need a token too."""
        self._store = store
        self._manners = manners
        self._is_login_needed = is_login_needed
        self._jobs: dict[str, _Job] = {}

    def start(self, ask: Ask) -> Answer:
        """Takes the order: 202, and where to ask for it."""
        if not ask.prefers("respond-async"):
            raise Refused(400, "required", "An export is asked for with Prefer: respond-async.")
        asked = dict(ask.query)
        if unknown := asked.keys() - _KNOWN:
            raise Refused(400, "not-supported", f"{len(unknown)} parameters are not supported here.")
        if asked.get("_outputFormat", _FORMATS[0]) not in _FORMATS:
            raise Refused(400, "not-supported", "_outputFormat: only NDJSON.")
        since = span(asked["_since"]) if "_since" in asked else None
        if "_since" in asked and since is None:
            raise Refused(400, "value", "_since: not an instant.")
        types = set(filter(None, asked.get("_type", "").split(",")))
        name = self._store.mint()
        with self._store.lock:
            belongs = self._belonging(ask)
            self._jobs[name] = _Job(
                at=self._store.now(),
                request=ask.url + "/$export",
                # what was written in that very millisecond comes again rather than never
                files=self._written(types, since.start if since else BEGINNING, belongs),
                deleted=self._deleted(types, since.start, belongs) if since else {},
                polls=self._manners.export_polls,
                polls_left=self._manners.export_polls,
            )
        return Answer(status=202, headers={"Content-Location": f"{ask.base}/_export/{name}"})

    def poll(self, ask: Ask) -> Answer:
        """202 with its progress while it is not ready, then the manifest."""
        job = self._job(ask)
        if job.polls_left > 0:
            done = job.polls - job.polls_left
            job.polls_left -= 1
            headers = {"X-Progress": f"{100 * done // job.polls}%"}
            return Answer(
                status=202, headers=headers | {"Retry-After": str(self._manners.retry_after_seconds)}
            )
        address = f"{ask.base}/_export/{ask.path['job']}"
        manifest = {
            "transactionTime": instant(job.at),
            "request": job.request,
            "requiresAccessToken": self._is_login_needed,
            "output": _listed(job.files, address),
            "deleted": _listed(job.deleted, address),
            "error": [],
        }
        return Answer(content=dump(manifest), media_type="application/json")

    def file(self, ask: Ask) -> Answer:
        """One file of an export."""
        job = self._job(ask)
        found = {**job.files, **job.deleted}.get(ask.path["file"])
        if found is None:
            raise Refused(404, "not-found", "There is no such file.")
        return Answer(content=found[1], media_type=_FORMATS[0])

    def drop(self, ask: Ask) -> Answer:
        """The export is not wanted any longer."""
        self._job(ask)
        del self._jobs[ask.path["job"]]
        return Answer(status=202)

    def _job(self, ask: Ask) -> _Job:
        job = self._jobs.get(ask.path["job"])
        if job is None:
            raise Refused(404, "not-found", "There is no such export.")
        return job

    def _belonging(self, ask: Ask) -> Callable[[Json], bool]:
        """Which resources the export is of, by its address."""
        type = ask.path.get("type")
        if type is None:
            return lambda resource: resource["resourceType"] != "Subscription"
        if type == "Patient":
            return lambda resource: any(one.startswith("Patient/") for one in _whose(resource))
        group = there(self._store, "Group", ask.path["id"]).resource or {}
        members = {one for member in group.get("member", ()) for one in references(member, "entity")}
        return lambda resource: not members.isdisjoint(_whose(resource))

    def _written(
        self, types: set[str], since: datetime, belongs: Callable[[Json], bool]
    ) -> dict[str, tuple[str, bytes]]:
        by_type: dict[str, list[bytes]] = {}
        for version in self._store.find():
            resource = version.resource or {}
            if version.at >= since and version.type in (types or (version.type,)) and belongs(resource):
                by_type.setdefault(version.type, []).append(dump(resource))
        return {
            f"{type}.{number}.ndjson": (type, content)
            for type, lines in by_type.items()
            for number, content in enumerate(self._files(lines), 1)
        }

    def _deleted(
        self, types: set[str], since: datetime, belongs: Callable[[Json], bool]
    ) -> dict[str, tuple[str, bytes]]:
        lines = [
            dump({"resourceType": "Bundle", "type": "transaction", "entry": [_deletion(version)]})
            for version in self._store.deleted()
            if version.at >= since
            and version.type in (types or (version.type,))
            and belongs(self._before(version))
        ]
        files = enumerate(self._files(lines), 1)
        return {f"deleted.{number}.ndjson": ("Bundle", content) for number, content in files}

    def _before(self, deletion: Version) -> Json:
        before = self._store.version(deletion.type, deletion.id, deletion.number - 1)
        assert before is not None and before.resource is not None
        return before.resource

    def _files(self, lines: list[bytes]) -> Iterator[bytes]:
        size = self._manners.export_lines
        for start in range(0, len(lines), size):
            yield b"".join(line + b"\n" for line in lines[start : start + size])


def _whose(resource: Json) -> Iterable[str]:
    if resource["resourceType"] == "Patient":
        return [f"Patient/{resource['id']}"]
    return references(resource, *ABOUT)


def _deletion(version: Version) -> Json:
    return {"request": {"method": "DELETE", "url": version.name}}


def _listed(files: Mapping[str, tuple[str, bytes]], address: str) -> list[Json]:
    return [
        {"type": type, "url": f"{address}/{name}", "count": content.count(b"\n")}
        for name, (type, content) in files.items()
    ]
