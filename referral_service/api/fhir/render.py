"""Stored versions and Bundles of them as JSON bytes, without reading what is stored a second time."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import NamedTuple

import orjson

from referral_service.fhir.parse import dump, parse
from referral_service.workflow.ports import Stored

_META = b',"meta":{'


class Member(NamedTuple):
    """One entry of a Bundle: its fullUrl, its resource as JSON, and the other elements."""

    full_url: str
    resource: bytes | None
    others: dict[str, object]


def etag(version: int) -> str:
    """The weak ETag of a version."""
    return f'W/"{version}"'


@lru_cache(maxsize=64)
def instant(at: datetime) -> str:
    """A FHIR instant, UTC, to the millisecond, which is as exact as the store is."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def http_date(at: datetime) -> str:
    """The form of Last-Modified."""
    return _http_date(at.replace(microsecond=0))


@lru_cache(maxsize=64)
def _http_date(second: datetime) -> str:
    return format_datetime(second.astimezone(UTC), usegmt=True)


def resource(stored: Stored) -> bytes:
    """One version with its meta.versionId and meta.lastUpdated."""
    meta = f'"versionId":"{stored.version}","lastUpdated":"{instant(stored.updated_at)}"'.encode()
    start = f'{{"resourceType":"{stored.type}","id":"{stored.id}"'.encode()
    body = stored.body
    if not body.startswith(start):
        return _rewritten(stored)
    rest = body[len(start) :]
    if rest.startswith(_META):
        return start + _META + meta + b"," + rest[len(_META) :]
    return start + _META + meta + b"}" + rest


def _rewritten(stored: Stored) -> bytes:
    """The same for a body whose elements come in another order."""
    body = parse(stored.body)
    meta = {"versionId": str(stored.version), "lastUpdated": instant(stored.updated_at)}
    return dump({**body, "meta": {**meta, **body.get("meta", {})}})


def bundle(kind: str, members: Iterable[Member], links: Mapping[str, str], total: int | None) -> bytes:
    """A Bundle of that type; `links` are URLs by relation."""
    head: dict[str, object] = {"resourceType": "Bundle", "type": kind}
    if total is not None:
        head["total"] = total
    if links:
        head["link"] = [{"relation": relation, "url": url} for relation, url in links.items()]
    if entries := [_entry(member) for member in members]:
        head["entry"] = entries
    return orjson.dumps(head)


def _entry(member: Member) -> dict[str, object]:
    entry: dict[str, object] = {}
    if member.full_url:
        entry["fullUrl"] = member.full_url
    if member.resource is not None:
        entry["resource"] = orjson.Fragment(member.resource)
    return entry | member.others
