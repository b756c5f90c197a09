"""Transactions and batches: Bundles of requests, carried out as one or each by itself.

Source: https://hl7.org/fhir/R4/http.html#trules.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from referral_service.fake_ehr.answer import Ask, Refused
from referral_service.fake_ehr.paging import Found, Pages
from referral_service.fake_ehr.search import LARGEST_PAGE, included, matches, parse, parse_text
from referral_service.fake_ehr.settle import Change, Settled, settle, there
from referral_service.fake_ehr.store import Store, Version, Write, instant

Json = dict[str, Any]
_ORDER: Final = {"DELETE": 0, "POST": 1, "PUT": 2}
_LINKING: Final = ("reference", "url", "valueUri", "valueUrl")
_REASONS: Final = {200: "200 OK", 201: "201 Created", 204: "204 No Content"}


class Transactions:
    """Carries out Bundles on one store."""

    def __init__(self, store: Store, pages: Pages) -> None:
        """`pages` keeps what the searches of entries have found."""
        self._store = store
        self._pages = pages

    def transaction(self, bundle: Json, ask: Ask) -> Json:
        """All or nothing; raises Refused, and then nothing was stored."""
        entries = list(enumerate(bundle.get("entry", ())))
        changes = {number: _change(number, entry) for number, entry in entries if not _is_read(entry)}
        with self._store.lock:
            order = sorted(changes, key=lambda number: _ORDER.get(changes[number].method, 3))
            settled = {number: settle(self._store, changes[number], ask.flaws) for number in order}
            self._hold_readable([entry for _, entry in entries if _is_read(entry)], settled.values())
            versions = self._commit(settled, ask)
            answers = [
                self._read(entry, ask) if _is_read(entry) else _answer(settled[number], versions[number], ask)
                for number, entry in entries
            ]
        return _response("transaction-response", answers)

    def batch(self, bundle: Json, ask: Ask) -> Json:
        """Each entry by itself; what is refused says so in its own response."""
        answers = []
        for number, entry in enumerate(bundle.get("entry", ())):
            try:
                if _is_read(entry):
                    answers.append(self._read(entry, ask))
                    continue
                with self._store.lock:
                    settled = {0: settle(self._store, _change(number, entry), ask.flaws)}
                    answers.append(_answer(settled[0], self._commit(settled, ask)[0], ask))
            except Refused as refused:
                response = {"status": str(refused.status), "outcome": refused.answer.resource}
                answers.append({"response": response})
        return _response("batch-response", answers)

    def _commit(self, settled: Mapping[int, Settled], ask: Ask) -> dict[int, Version]:
        """The version that each entry has led to; references between entries are made literal before."""
        names = {one.change.full_url: one.name for one in settled.values() if one.change.full_url}
        writes = {number: one.write for number, one in settled.items() if one.write}
        if len({(write.type, write.id) for write in writes.values()}) < len(writes):
            raise Refused(400, "duplicate", "Two entries write the same resource.")
        writes = {
            number: Write(write.type, write.id, self._rewritten(write.resource, names))
            for number, write in writes.items()
        }
        committed = dict(zip(writes, self._store.commit(writes.values()), strict=True))
        if ask.flaws.is_double:
            self._store.commit(self._again([writes[n] for n in writes if settled[n].status == 201]))
        return {number: committed.get(number) or _there(one) for number, one in settled.items()}

    def _again(self, writes: Sequence[Write]) -> list[Write]:
        """The same once more, under other ids, pointing at each other."""
        ids = {f"{write.type}/{write.id}": self._store.mint() for write in writes}
        names = {name: f"{name.partition('/')[0]}/{id}" for name, id in ids.items()}
        return [
            Write(write.type, ids[f"{write.type}/{write.id}"], self._rewritten(write.resource, names))
            for write in writes
        ]

    def _rewritten(self, value: Any, names: Mapping[str, str], key: str = "") -> Any:
        """The same with the names of entries replaced, and searches that stand for references answered."""
        if isinstance(value, dict):
            return {name: self._rewritten(one, names, name) for name, one in value.items()}
        if isinstance(value, list):
            return [self._rewritten(one, names, key) for one in value]
        if key in _LINKING and value in names:
            return names[value]
        if key == "reference" and "?" in value:
            type, _, query = value.partition("?")
            found = matches(self._store, parse_text(type, query))
            if len(found) != 1:
                raise Refused(412, "not-found", "A conditional reference does not find exactly one resource.")
            return found[0].name
        return value

    def _hold_readable(self, reads: Iterable[Json], settled: Iterable[Settled]) -> None:
        """Refuses what cannot be read once the rest is done, before it is done."""
        will_be = {one.name: one.status != 204 for one in settled}
        for entry in reads:
            type, id, query = _address(entry)
            if not id:
                parse(type, parse_qsl(query))
            elif not will_be.get(f"{type}/{id}", False):
                if f"{type}/{id}" in will_be:
                    raise Refused(410, "deleted", "Another entry deletes what this one reads.")
                there(self._store, type, id)

    def _read(self, entry: Json, ask: Ask) -> Json:
        """A read or a search of a type."""
        type, id, query = _address(entry)
        if id:
            version = there(self._store, type, id)
            return {"resource": version.resource, "response": {"status": "200 OK", **_dated(version)}}
        asked = parse_qsl(query)
        sought = parse(type, asked)
        found = Found(
            matches=matches(self._store, sought, ask.flaws.stale_seconds),
            size=sought.count or LARGEST_PAGE,
            along=lambda shown: included(self._store, sought, shown),
        )
        bundle = self._pages.first(found, ask.base, f"{ask.base}/{type}", asked)
        return {"resource": bundle, "response": {"status": "200 OK"}}


def _is_read(entry: Json) -> bool:
    if not isinstance(entry.get("request"), dict):
        raise Refused(400, "required", "An entry has no request.")
    return entry["request"].get("method") in ("GET", "HEAD")


def _address(entry: Json) -> tuple[str, str, str]:
    """Type, id and query of an entry's URL, "" where it has none."""
    path, _, query = entry["request"].get("url", "").partition("?")
    type, _, id = path.strip("/").partition("/")
    return type, id, query


def _change(number: int, entry: Json) -> Change:
    request = entry["request"]
    type, id, query = _address(entry)
    return Change(
        method=request.get("method", ""),
        type=type,
        id=id,
        query=query,
        resource=entry.get("resource"),
        if_none_exist=request.get("ifNoneExist", ""),
        if_match=request.get("ifMatch", ""),
        full_url=entry.get("fullUrl", ""),
        path=f"Bundle.entry[{number}].resource",
    )


def _there(settled: Settled) -> Version:
    assert settled.found is not None
    return settled.found


def _answer(settled: Settled, version: Version, ask: Ask) -> Json:
    response = {"status": _REASONS[settled.status], **_dated(version)}
    if settled.status != 204:
        response["location"] = version.address
    if ask.prefers("return=representation") and version.resource is not None:
        return {"fullUrl": f"{ask.base}/{version.name}", "resource": version.resource, "response": response}
    return {"response": response}


def _dated(version: Version) -> dict[str, str]:
    return {"etag": version.etag, "lastModified": instant(version.at)}


def _response(type: str, entries: list[Json]) -> Json:
    bundle: Json = {"resourceType": "Bundle", "type": type}
    return {**bundle, "entry": entries} if entries else bundle
