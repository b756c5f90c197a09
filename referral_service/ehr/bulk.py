"""A bulk export of the other side, as files in a folder of ours.

HL7's Bulk Data Access (STU2; also what STU3 adds to the manifest): kick-off, polling, manifest, files. What
was reached is kept in the folder: whoever starts again goes on with the same export, while there is one.
"""

import os
from collections.abc import Callable
from hashlib import sha256
from itertools import count
from pathlib import Path
from random import uniform
from shutil import rmtree
from time import sleep
from typing import Final, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

from referral_service.core.problem import Category, Problem, problem
from referral_service.ehr.bulk_files import Listed, Manifest, ended, found, read_manifest
from referral_service.ehr.calls import Calls
from referral_service.ehr.connection import Answer, Sending
from referral_service.ehr.failures import not_understood, wait_seconds

_STARTS: Final = 3  # exports that expire under our hands
_FAILURES: Final = 6  # in a row, each of them some tries
_REFUSALS: Final = 100  # in a row: they ask us to wait, and may have an export of ours under way
_PAGES: Final = 1000
_SHORTEST_SECONDS: Final = 0.2
_LONGEST_SECONDS: Final = 60.0
_DOUBLINGS: Final = 6
_PASSING: Final = (Category.BUSY, Category.UNAVAILABLE, Category.INTERRUPTED)
_KEPT: Final = (Category.BUSY, Category.UNAVAILABLE, Category.FORBIDDEN)
_NDJSON: Final = "application/fhir+ndjson, */*;q=0.1"

_MOODS: Final = {
    Category.BUSY: "busy",
    Category.UNAVAILABLE: "not reached",
    Category.INTERRUPTED: "failing, or its answer was cut off",
}
_STATE: Final = "export.json"

_T = TypeVar("_T")


class Fetched(NamedTuple):
    """A whole export, here: the instant it shows, where it was asked for, and its files."""

    at: str
    status: str
    output: list[Path]
    deleted: list[Path]
    error: list[Path]


class _State(msgspec.Struct):
    """The export under way: its kick-off without `_since`, where it is asked for, and its manifest."""

    asked: str
    status: str
    manifest: Manifest | None = None


class _Expired(Exception):
    """The other side does not have the export any more."""


def kick_off(url: str, group: str, types: tuple[str, ...], is_of_all: bool = False) -> str:
    """The address that starts an export: of a Group, of everything, or of every patient."""
    of = f"/Group/{quote(group, safe='')}" if group else "" if is_of_all else "/Patient"
    return f"{url.rstrip('/')}{of}/$export" + (f"?_type={','.join(types)}" if types else "")


class BulkExport:
    """One export after the other from one place; for one process at a time."""

    def __init__(
        self,
        calls: Calls,
        asked: str,
        folder: Path,
        say: Callable[[str], None],
        wait: Callable[[float], None] = sleep,
    ) -> None:
        """`asked` is what `kick_off` gives; `folder` holds this export and nothing else."""
        self._calls = calls
        self._asked = asked
        self._folder = folder
        self._say = say
        self._wait = wait

    @property
    def status(self) -> str:
        """Where the export that is under way is asked for; "" if there is none."""
        state = self._read()
        return state.status if state else ""

    def fetch(self, since: str) -> Fetched:
        """All of an export: of the one under way, or of a new one with what changed after `since` ("": all).

        Waits as long as it takes; raises Problem. Nothing is to be used of an export that did not come whole.
        """
        for _ in range(_STARTS):
            state = self._read()
            if state is None or state.asked != self._asked:
                self.end()
                state = self._started(since)
            try:
                return self._fetched(state)
            except _Expired:
                self._say("the export is not there any more; asking for another one")
                self._clear()
            except Problem as error:
                self._keep_or_clear(state, error)
                raise
        raise problem(Category.NOT_FOUND, "Each export was gone before all of it was here.")

    def end(self) -> None:
        """Nothing of the export is needed any more: here, and there if they hear us."""
        status = self.status
        if status:
            try:
                address = self._calls.address(status)
                self._calls.send(Sending("DELETE", address, {"Accept": "application/fhir+json"}))
            except Problem:
                self._say("the other side was not told that its export is not needed any more")
        self._clear()

    def _started(self, since: str) -> _State:
        address = self._calls.address(self._asked)
        if since:
            address = address.copy_merge_params({"_since": since})
        headers = {"Accept": "application/fhir+json", "Prefer": "respond-async"}
        sending = Sending("GET", address, headers)
        answer = self._patiently(lambda: self._calls.send(sending), is_of_export=False)
        if answer.status != 202 or "Content-Location" not in answer.headers:
            raise not_understood("The other side did not start an export.")
        state = _State(
            self._asked, str(self._calls.address(answer.headers["Content-Location"], answer.address))
        )
        self._write(state)
        self._say(f"asked for {'what changed since ' + since if since else 'everything'}")
        return state

    def _fetched(self, state: _State) -> Fetched:
        if state.manifest is None:
            state.manifest = self._manifest(state.status)
            self._write(state)
        manifest = state.manifest
        kinds = {"output": manifest.output, "deleted": manifest.deleted or [], "error": manifest.error or []}
        files: dict[str, list[Path]] = {kind: [] for kind in kinds}
        number, total = 0, sum(map(len, kinds.values()))
        for kind, listed in kinds.items():
            for one in listed:
                number += 1
                self._say(f"loading file {number} of {total}")
                path = self._file(kind, one, manifest.requiresAccessToken)
                if path not in files[kind]:
                    files[kind].append(path)
        return Fetched(manifest.transactionTime, state.status, **files)

    def _manifest(self, status: str) -> Manifest:
        """Waits for it. Every address in it is one that we may ask, else Problem FORBIDDEN."""
        answer = self._ready(status)
        whole = read_manifest(answer, self._calls.address)
        onward, seen = whole.next(), 0
        while onward:
            seen += 1
            if seen == _PAGES:
                raise not_understood("The export has more manifests than are read.")
            page = read_manifest(self._asked_for(onward), self._calls.address)
            whole.add(page)
            onward = page.next()
        return whole

    def _ready(self, status: str) -> Answer:
        for times in count(1):
            answer = self._asked_for(status)
            if answer.status != 202:
                return answer
            seconds = _pause(wait_seconds(answer.headers), times)
            self._say(f"not ready yet; asking again in {seconds:.0f} s")
            self._wait(seconds)
        raise AssertionError("never ends by itself")

    def _asked_for(self, address: str) -> Answer:
        sending = Sending("GET", self._calls.address(address), {"Accept": "application/json"})
        return self._patiently(lambda: self._calls.send(sending))

    def _file(self, kind: str, listed: Listed, with_token: bool) -> Path:
        """One file, loaded whole unless it lies here already."""
        stem = self._folder / f"{kind}-{sha256(listed.url.encode()).hexdigest()[:16]}"
        if path := found(stem):
            return path
        part = stem.with_suffix(".part")
        sending = Sending("GET", self._calls.address(listed.url), {"Accept": _NDJSON})

        def load() -> Path:
            with part.open("wb") as file:
                with self._calls.stream(sending, with_token=with_token) as chunks:
                    file.writelines(chunks)
                file.flush()
                os.fsync(file.fileno())
            return ended(part, stem, listed.count, is_strict=kind == "output")

        return self._patiently(load)

    def _patiently(self, ask: Callable[[], _T], is_of_export: bool = True) -> _T:
        """Asks again while what goes wrong may pass."""
        for failures in count(1):
            try:
                return ask()
            except Problem as error:
                if error.category is Category.NOT_FOUND and is_of_export:
                    raise _Expired from None
                most = _REFUSALS if error.category is Category.BUSY else _FAILURES
                if error.category not in _PASSING or failures >= most:
                    raise
                seconds, mood = _pause(error.wait_seconds, failures), _MOODS[error.category]
            self._say(f"the other side is {mood}; asking again in {seconds:.0f} s")
            self._wait(seconds)
        raise AssertionError("never ends by itself")

    def _keep_or_clear(self, state: _State, error: Problem) -> None:
        """What failed for now is gone on with; what has failed for good is begun anew."""
        if error.category is Category.FORBIDDEN and state.manifest:
            state.manifest = None  # its addresses may have been for a while only
            self._write(state)
        elif error.category not in _KEPT and not (error.category is Category.INTERRUPTED and state.manifest):
            self.end()

    def _read(self) -> _State | None:
        try:
            return msgspec.json.decode((self._folder / _STATE).read_bytes(), type=_State)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def _write(self, state: _State) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self._folder / f"{_STATE}.part"
        with part.open("wb") as file:
            file.write(msgspec.json.encode(state))
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._folder / _STATE)

    def _clear(self) -> None:
        (self._folder / _STATE).unlink(missing_ok=True)  # first, so that nothing stands without its files
        rmtree(self._folder, ignore_errors=True)


def _pause(told: float | None, times: int) -> float:
    """What was told, never less, or ever longer; spread, so that clients who wait together part."""
    if told is not None:
        return max(told, _SHORTEST_SECONDS) * uniform(1.0, 1.1)  # noqa: S311 - no secret
    return min(2.0 ** min(times, _DOUBLINGS), _LONGEST_SECONDS) * uniform(0.5, 1.0)  # noqa: S311
