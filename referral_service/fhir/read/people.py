"""Patient: birth and death."""

from typing import Any

from referral_service.core.timeline import AnyFact, Person
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read.days import when
from referral_service.fhir.read.origin import Origin


def read(resource: dict[str, Any], _: Terminology, origin: Origin) -> tuple[AnyFact, ...]:
    """One Person fact; a patient may have died on a day that nobody wrote down."""
    died = resource.get("deceasedDateTime")
    return (
        Person(
            **origin,
            birth=when(resource.get("birthDate")),
            died=when(died),
            is_deceased=died is not None or resource.get("deceasedBoolean") is True,
        ),
    )
