"""The table of what can be asked of the EHR over HTTP, and the name that each request counts under."""

from collections.abc import Callable
from typing import NamedTuple

from referral_service.fake_ehr.answer import Answer, Ask, Refused
from referral_service.fake_ehr.bulk import Exports
from referral_service.fake_ehr.interactions import Interactions, body

Act = Callable[[Ask], Answer]


class Interaction(NamedTuple):
    """`kind`: what requests count under, and what `Faults.only` names. `path` is below the FHIR base.

    `type` is the resource type of a path that is for one alone.
    """

    method: str
    path: str
    kind: str
    act: Act
    is_write: bool = False
    type: str = ""

    def kind_of(self, ask: Ask) -> str:
        """The kind of this very request."""
        if self.kind == "bundle":
            return _kind_of_bundle(ask)
        is_conditional = "if-none-exist" in ask.headers or (self.method == "PUT" and "id" not in ask.path)
        return f"conditional-{self.kind}" if self.is_write and is_conditional else self.kind


def routes(does: Interactions, exports: Exports) -> list[Interaction]:
    """In the order in which addresses are compared; the first that fits takes the request."""
    one, version = "/{type}/{id}", "/{type}/{id}/_history/{version}"
    return [
        Interaction("GET", "", "page", does.page),
        Interaction("POST", "", "bundle", does.bundle, is_write=True),
        Interaction("GET", "/$export", "export", exports.start),
        Interaction("GET", "/Patient/$export", "export", exports.start, type="Patient"),
        Interaction("GET", "/Group/{id}/$export", "export", exports.start, type="Group"),
        Interaction("GET", "/_export/{job}", "export-status", exports.poll),
        Interaction("DELETE", "/_export/{job}", "export-delete", exports.drop, is_write=True),
        Interaction("GET", "/_export/{job}/{file}", "export-file", exports.file),
        Interaction("GET", "/Patient/{id}/$everything", "everything", does.everything, type="Patient"),
        Interaction("POST", "/{type}/_search", "search", does.search_by_post),
        Interaction("GET", "/{type}", "search", does.search),
        Interaction("POST", "/{type}", "create", does.create, is_write=True),
        Interaction("PUT", "/{type}", "update", does.update, is_write=True),
        Interaction("GET", one, "read", does.read),
        Interaction("PUT", one, "update", does.update, is_write=True),
        Interaction("PATCH", one, "patch", does.patch, is_write=True),
        Interaction("DELETE", one, "delete", does.delete, is_write=True),
        Interaction("GET", version, "vread", does.vread),
    ]


def _kind_of_bundle(ask: Ask) -> str:
    """transaction or batch; what cannot be read is refused anyway."""
    try:
        kind = body(ask).get("type")
    except Refused:
        kind = None
    return kind if kind in ("transaction", "batch") else "bundle"
