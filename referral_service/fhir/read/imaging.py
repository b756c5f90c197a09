"""DiagnosticReport and ImagingStudy: what a reader of images has said, in codes."""

from collections.abc import Iterable
from typing import Any

from referral_service.core.timeline import AnyFact, Imaging
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read.days import measured
from referral_service.fhir.read.origin import Origin, unused
from referral_service.fhir.read.tie import tie_of


def read_report(resource: dict[str, Any], terminology: Terminology, origin: Origin) -> tuple[AnyFact, ...]:
    """One Imaging fact of a report whose code is of imaging, or whose conclusion is a coded finding."""
    meanings = terminology.meanings(resource.get("code"))
    imaging = tuple(meaning for meaning in meanings if meaning.role == "imaging")
    findings = findings_in(resource.get("conclusionCode", ()), terminology)
    if not imaging and not findings:
        return unused(origin, "not-used" if meanings else "unknown-code")
    return (
        Imaging(
            **origin,
            meanings=imaging,
            findings=findings,
            at=measured(resource),
            status=resource.get("status", "unknown"),
            tie=tie_of(resource, meanings, terminology),
        ),
    )


def read_study(_: dict[str, Any], __: Terminology, origin: Origin) -> tuple[AnyFact, ...]:
    """Left out: an ImagingStudy alone has been read by nobody."""
    return unused(origin, "not-read")


def findings_in(concepts: Iterable[dict[str, Any] | None], terminology: Terminology) -> tuple[str, ...]:
    """The coded findings that the pathway knows: progression, extrusion, sequestration."""
    known = (meaning for concept in concepts for meaning in terminology.meanings(concept))
    return tuple(dict.fromkeys(meaning.concept for meaning in known if meaning.role == "imaging_finding"))
