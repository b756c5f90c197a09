"""Where a resource says by what it is found: its identifiers and codes, and what it refers to."""

from collections.abc import Iterator
from typing import Any

from referral_service.fhir.search.reference import local

Json = dict[str, Any]
# R4 has the patient, and whom else a resource is about, in one of these.
ABOUT = ("subject", "patient", "for", "beneficiary")


def tokens(resource: Json, element: str) -> Iterator[tuple[str, str]]:
    """Every system and code (or value) of an element: a code, Coding, CodeableConcept or Identifier."""
    for one in _each(resource.get(element)):
        if isinstance(one, str):
            yield "", one
        elif isinstance(one, dict):
            for coding in one.get("coding", (one,)):
                yield coding.get("system", ""), coding.get("value", coding.get("code", ""))


def references(resource: Json, *elements: str) -> Iterator[str]:
    """What elements refer to, as "Type/id"."""
    for element in elements:
        for one in _each(resource.get(element)):
            found = local(one.get("reference")) if isinstance(one, dict) else None
            if found:
                yield found


def keys(resource: Json) -> Iterator[str]:
    """What the store finds a resource by, quickly: the values of its identifiers, and whom it is about."""
    for _, value in tokens(resource, "identifier"):
        yield by_value(value)
    for reference in references(resource, *ABOUT):
        yield by_reference(reference)


def by_value(identifier: str) -> str:
    """The key of an identifier's value."""
    return f"identifier {identifier}"


def by_reference(reference: str) -> str:
    """The key of what is about "Type/id"."""
    return f"about {reference}"


def _each(value: Any) -> Any:
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)
