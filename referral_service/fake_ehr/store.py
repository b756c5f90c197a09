"""What the EHR holds: every version of every resource, in memory, for any number of threads."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from math import inf
from random import Random
from threading import RLock
from time import monotonic
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from referral_service.fake_ehr.elements import keys

Json = dict[str, Any]
Name = tuple[str, str]  # type and id


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version. `resource` is None for a deletion, and is never changed; `since` is monotonic seconds."""

    type: str
    id: str
    number: int
    at: datetime
    since: float
    resource: Json | None

    @property
    def name(self) -> str:
        """Type/id."""
        return f"{self.type}/{self.id}"

    @property
    def address(self) -> str:
        """The version's own, relative to the server's."""
        return f"{self.name}/_history/{self.number}"

    @property
    def etag(self) -> str:
        """As If-Match has it."""
        return f'W/"{self.number}"'


class Write(NamedTuple):
    """What one resource becomes; None deletes it."""

    type: str
    id: str
    resource: Json | None


class Store:
    """Hold `lock` over what must not be interrupted; every method takes it by itself."""

    def __init__(self, random: Random, now: Callable[[], datetime]) -> None:
        """`random` decides the ids, `now` gives the times of the versions."""
        self.lock = RLock()
        self._random = random
        self._now = now
        self._versions: dict[Name, list[Version]] = {}
        self._of_type: defaultdict[str, dict[Name, None]] = defaultdict(dict)
        self._by_key: defaultdict[str, dict[Name, None]] = defaultdict(dict)
        self._listeners: list[Callable[[Sequence[Version]], None]] = []

    def now(self) -> datetime:
        """The time of what is written now: as exact as FHIR servers have it, to the millisecond."""
        at = self._now()
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    def mint(self) -> str:
        """A new id."""
        with self.lock:
            return str(UUID(int=self._random.getrandbits(128), version=4))

    def listen(self, listener: Callable[[Sequence[Version]], None]) -> None:
        """Calls it with whatever is committed, under the lock: it must be quick."""
        self._listeners.append(listener)

    def latest(self, type: str, id: str, unseen_seconds: float = 0.0) -> Version | None:
        """The last version, a deletion too; without those of the last `unseen_seconds`."""
        horizon = monotonic() - unseen_seconds if unseen_seconds else inf
        with self.lock:
            versions = self._versions.get((type, id), ())
            return next((one for one in reversed(versions) if one.since <= horizon), None)

    def version(self, type: str, id: str, number: int) -> Version | None:
        """One version by its number, which begins at 1."""
        with self.lock:
            versions = self._versions.get((type, id), [])
            return versions[number - 1] if 1 <= number <= len(versions) else None

    def find(
        self, type: str = "", among: Iterable[str] | None = None, unseen_seconds: float = 0.0
    ) -> Iterator[Version]:
        """The last version of what is there, of one type or of all.

        `among` are keys of `elements.keys`: only what has or had one of them.
        """
        with self.lock:
            if among is not None:
                names = {name: None for key in among for name in self._by_key.get(key, ())}
            else:
                names = dict(self._of_type.get(type, {}) if type else dict.fromkeys(self._versions))
            found = [self.latest(*name, unseen_seconds) for name in names if type in ("", name[0])]
        return (one for one in found if one is not None and one.resource is not None)

    def deleted(self) -> list[Version]:
        """The deletions of what is no longer there."""
        with self.lock:
            return [versions[-1] for versions in self._versions.values() if versions[-1].resource is None]

    def commit(self, writes: Iterable[Write]) -> list[Version]:
        """All of them at one time; each becomes the next version, with its id and meta set."""
        with self.lock:
            at, since = self.now(), monotonic()
            versions = [self._keep(write, at, since) for write in writes]
            for listener in self._listeners:
                listener(versions)
            return versions

    def _keep(self, write: Write, at: datetime, since: float) -> Version:
        type, id, resource = write
        kept = self._versions.setdefault((type, id), [])
        number = len(kept) + 1
        if resource is not None:
            meta = {**resource.get("meta", {}), "versionId": str(number), "lastUpdated": instant(at)}
            resource = {"resourceType": type, "id": id, "meta": meta} | {
                name: value for name, value in resource.items() if name not in ("resourceType", "id", "meta")
            }
            for key in keys(resource):
                self._by_key[key][type, id] = None
        self._of_type[type][type, id] = None
        kept.append(Version(type=type, id=id, number=number, at=at, since=since, resource=resource))
        return kept[-1]


def instant(at: datetime) -> str:
    """As FHIR writes it, to the millisecond."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
