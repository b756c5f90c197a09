"""Read and vread: one version of one resource."""

import re
from typing import Final

from starlette.concurrency import run_in_threadpool

from referral_service.api.errors import HttpProblem
from referral_service.api.fhir import render
from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.preconditions import date_in, names
from referral_service.core.problem import Category, problem
from referral_service.workflow.ports import Stored

_VERSION: Final = re.compile(r"[1-9]\d{0,8}", re.ASCII)


async def read(face: Face, ask: Ask) -> Answer:
    """200; 304 if the client has this version; 410 once deleted; 404."""
    return _unless_known(ask, await current(face, ask, ask.id))


async def vread(face: Face, ask: Ask) -> Answer:
    """The same for that very version; 410 if it is a deletion."""
    if not _VERSION.fullmatch(ask.version):
        raise problem(Category.NOT_FOUND, "There is no such version.")
    stored = await run_in_threadpool(face.service.store.read, ask.tenant, ask.type, ask.id, int(ask.version))
    return _unless_known(ask, _living(stored))


async def current(face: Face, ask: Ask, identity: str) -> Stored:
    """The current version; 404, or 410 if it is a deletion."""
    return _living(await run_in_threadpool(face.service.store.read, ask.tenant, ask.type, identity))


def _living(stored: Stored | None) -> Stored:
    if stored is None:
        raise problem(Category.NOT_FOUND, "There is no such resource, or no such version.")
    if stored.is_deleted:
        raise HttpProblem(410, "deleted", "The resource was deleted.")
    return stored


def _unless_known(ask: Ask, stored: Stored) -> Answer:
    return Answer(status=304 if _has(ask, stored) else 200, stored=stored)


def _has(ask: Ask, stored: Stored) -> bool:
    if ask.if_none_match:
        return names(ask.if_none_match, render.etag(stored.version))
    since = date_in(ask.if_modified_since)
    return since is not None and stored.updated_at.replace(microsecond=0) <= since
