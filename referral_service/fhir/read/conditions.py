"""Condition: a diagnosis, always kept, because the reason of a treatment may refer to it."""

from typing import Any

from referral_service.core.dates import When
from referral_service.core.timeline import AnyFact, Condition
from referral_service.fhir.codes import ICD_10_CM, icd_10_cm, system_name
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read.coded import codings, is_elsewhere, status_code
from referral_service.fhir.read.days import begun, period, when
from referral_service.fhir.read.origin import Origin

# Any type of it, or an extension in its place: "over, nobody knows since when".
_ABATEMENT = ("abatement", "_abatement")
_FRACTURE = "red_flag_hard_fracture"
# ICD-10-CM's seventh character of a fracture that is still under active treatment.
_FRESH = ("A", "B", "C")
_FULL_LENGTH = len("S32010A")


def read(resource: dict[str, Any], terminology: Terminology, origin: Origin) -> tuple[AnyFact, ...]:
    """One Condition fact, whatever its code."""
    code = resource.get("code")
    categories = [coding for concept in resource.get("category", ()) for coding in concept.get("coding", ())]
    meanings = terminology.meanings(code)
    return (
        Condition(
            **origin,
            meanings=meanings,
            codes=tuple(codings(code)),
            elsewhere=is_elsewhere(code, terminology),
            onset=begun(resource),
            recorded=when(resource.get("recordedDate")),
            abated=_abated(resource),
            is_abated=any(name.startswith(_ABATEMENT) for name in resource),
            clinical=status_code(resource.get("clinicalStatus")),
            verification=status_code(resource.get("verificationStatus")),
            categories=tuple(dict.fromkeys(c["code"] for c in categories if "code" in c)),
            is_follow_up=any(meaning.role == _FRACTURE for meaning in meanings)
            and _is_follow_up(code, terminology),
        ),
    )


def _abated(resource: dict[str, Any]) -> When | None:
    start, end = period(resource.get("abatementPeriod"))
    return when(resource.get("abatementDateTime")) or end or start


def _is_follow_up(code: dict[str, Any] | None, terminology: Terminology) -> bool:
    """Whether every ICD-10-CM code of a fracture is of an encounter after the first treatment."""
    fractures = [
        icd_10_cm(written) or ""
        for system, written in codings(code)
        if system_name(system) == ICD_10_CM
        and (meaning := terminology.meaning(system, written))
        and meaning.role == _FRACTURE
    ]
    later = [len(icd) == _FULL_LENGTH and not icd.endswith(_FRESH) for icd in fractures]
    return bool(later) and all(later)
