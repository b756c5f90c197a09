"""The RESTful interactions: each takes what is asked and gives the answer, or raises Refused."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from referral_service.fake_ehr.answer import Answer, Ask, Refused, dated, written
from referral_service.fake_ehr.elements import by_reference
from referral_service.fake_ehr.manners import Manners
from referral_service.fake_ehr.paging import Found, Pages, counted
from referral_service.fake_ehr.search import LARGEST_PAGE, included, matches, parse
from referral_service.fake_ehr.settle import Change, settle, there
from referral_service.fake_ehr.store import Store, Version
from referral_service.fake_ehr.transaction import Transactions
from referral_service.fhir import parse as fhir_json
from referral_service.fhir.search.dates import span

Json = dict[str, Any]


class Interactions:
    """What a FHIR server does with the resources of one store."""

    def __init__(self, store: Store, manners: Manners) -> None:
        """`manners` say how long a page is."""
        self._store = store
        self._manners = manners
        self._pages = Pages(store.mint)
        self._transactions = Transactions(store, self._pages)

    def create(self, ask: Ask) -> Answer:
        """POST Type, with If-None-Exist or without."""
        condition = ask.headers.get("if-none-exist", "")
        change = Change(method="POST", type=ask.path["type"], resource=body(ask), if_none_exist=condition)
        return self._carry_out(change, ask)

    def update(self, ask: Ask) -> Answer:
        """PUT Type/id; PUT Type?search."""
        change = Change(
            method="PUT",
            type=ask.path["type"],
            id=ask.path.get("id", ""),
            query="" if "id" in ask.path else urlencode(ask.query),
            resource=body(ask),
            if_match=ask.headers.get("if-match", ""),
        )
        return self._carry_out(change, ask)

    def patch(self, ask: Ask) -> Answer:
        """PATCH Type/id with a JSON Patch."""
        try:
            operations = json.loads(ask.body)
        except ValueError:
            raise Refused(400, "structure", "The body is not JSON.") from None
        change = Change(
            method="PATCH",
            type=ask.path["type"],
            id=ask.path["id"],
            patch=operations,
            if_match=ask.headers.get("if-match", ""),
        )
        return self._carry_out(change, ask)

    def delete(self, ask: Ask) -> Answer:
        """DELETE Type/id."""
        match = ask.headers.get("if-match", "")
        change = Change(method="DELETE", type=ask.path["type"], id=ask.path["id"], if_match=match)
        with self._store.lock:
            write = settle(self._store, change).write
            version = self._store.commit([write] if write else [])[0]
        return Answer(status=204, headers={"ETag": version.etag})

    def _carry_out(self, change: Change, ask: Ask) -> Answer:
        with self._store.lock:
            settled = settle(self._store, change, ask.flaws)
            if settled.found:
                return written(settled.found, ask, settled.status)
            assert settled.write is not None
            return written(self._store.commit([settled.write])[0], ask, settled.status)

    def read(self, ask: Ask) -> Answer:
        """GET Type/id."""
        version = there(self._store, ask.path["type"], ask.path["id"])
        return Answer(resource=version.resource, headers=dated(version))

    def vread(self, ask: Ask) -> Answer:
        """GET Type/id/_history/version."""
        number = ask.path["version"]
        version = self._store.version(
            ask.path["type"], ask.path["id"], int(number) if number.isdigit() else 0
        )
        if version is None:
            raise Refused(404, "not-found", "There is no such version.")
        if version.resource is None:
            raise Refused(410, "deleted", "This version is a deletion.")
        return Answer(resource=version.resource, headers=dated(version))

    def search(self, ask: Ask) -> Answer:
        """GET Type?parameters."""
        return self._search(ask, ask.query)

    def search_by_post(self, ask: Ask) -> Answer:
        """POST Type/_search, the parameters in the address and in a form."""
        return self._search(ask, [*ask.query, *parse_qsl(ask.body.decode())])

    def _search(self, ask: Ask, asked: Sequence[tuple[str, str]]) -> Answer:
        query = parse(ask.path["type"], asked)
        demanded = self._manners.demands.get(query.type)
        if demanded and {demanded, "_id"}.isdisjoint(dict(asked)):
            raise Refused(400, "required", f"A search needs {demanded} here.")
        found = matches(self._store, query, ask.flaws.stale_seconds)
        if query.is_counted_only:
            return Answer(resource=counted(len(found), f"{ask.url}?{urlencode(asked)}"))

        def along(shown: Sequence[Version]) -> Sequence[Version]:
            return included(self._store, query, shown)

        size = query.count or self._manners.page_size
        shown = Found(matches=found, size=size, along=along)
        return Answer(resource=self._pages.first(shown, ask.base, ask.url, asked))

    def page(self, ask: Ask) -> Answer:
        """GET of a link `next`."""
        return Answer(resource=self._pages.next(dict(ask.query).get("_page", ""), ask.base))

    def everything(self, ask: Ask) -> Answer:
        """GET Patient/id/$everything: the Patient and all about them; `_type`, `_since`, `_count`."""
        asked = dict(ask.query)
        patient = there(self._store, "Patient", ask.path["id"])
        types = set(filter(None, asked.get("_type", "").split(",")))
        since = span(asked["_since"]) if "_since" in asked else None
        about = sorted(self._store.find(among=[by_reference(patient.name)]), key=lambda one: (one.at, one.id))
        found = [
            one
            for one in [patient, *about]
            if one.type in (types or (one.type,)) and (since is None or one.at >= since.start)
        ]
        size = int(asked["_count"]) if asked.get("_count", "").isdigit() else LARGEST_PAGE
        url = f"{ask.url}/$everything"
        return Answer(resource=self._pages.first(Found(matches=found, size=size), ask.base, url, ask.query))

    def bundle(self, ask: Ask) -> Answer:
        """POST of a transaction or a batch."""
        sent = body(ask)
        if sent["resourceType"] != "Bundle" or sent.get("type") not in ("transaction", "batch"):
            raise Refused(400, "value", "Only Bundles of type transaction or batch are posted here.")
        entries = sent.get("entry", [])
        if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
            raise Refused(400, "structure", "The entries are no array of objects.")
        carry_out = getattr(self._transactions, sent["type"])
        return Answer(resource=carry_out(sent, ask))


def body(ask: Ask) -> Json:
    """The resource that was sent; raises Refused (400) if it is none."""
    try:
        return fhir_json.parse(ask.body)
    except fhir_json.Unreadable as error:
        raise Refused(400, "structure", "", error.issues) from None
