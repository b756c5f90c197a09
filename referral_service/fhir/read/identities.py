"""Who a Patient says it is: links to others, and the identifiers that a site trusts to name one person."""

from collections.abc import Set
from typing import Any

from referral_service.core.person import MOST_LINKED, Identity
from referral_service.fhir.read.references import id_of


def identity_of(patient: dict[str, Any], trusted: Set[str]) -> Identity:
    """Identifiers of `trusted` systems alone, without those that are no longer used; every link to a Patient.

    R4's link types (replaced-by, replaces, refer, seealso) all say that both are the same person; more links
    than a person can have say nothing.
    """
    links = patient.get("link", ())
    others = {id_of(link["other"], "Patient") for link in links} - {None, patient["id"]}
    identifiers = (
        f"{it['system']}|{it['value'].strip()}"
        for it in patient.get("identifier", ())
        if it.get("system") in trusted and it.get("value", "").strip() and it.get("use") != "old"
    )
    return Identity(
        links=tuple(sorted(filter(None, others))) if len(others) <= MOST_LINKED else (),
        identifiers=tuple(sorted(set(identifiers))),
        born=patient.get("birthDate", ""),
        is_replaced=patient.get("active") is False or any(it.get("type") == "replaced-by" for it in links),
    )
