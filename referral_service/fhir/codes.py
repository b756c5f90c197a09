"""Code systems by every name senders give them, and how a code is spelt before it is compared."""

import re

CANONICAL_BASE = "https://spine-referral.example/fhir"

ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED_CT = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
PAYER_TYPE = "https://nahdo.org/sopt"
IMAGING_FINDING = f"{CANONICAL_BASE}/CodeSystem/spine-imaging-finding"

_OTHER_NAMES = {
    "urn:oid:2.16.840.1.113883.6.90": ICD_10_CM,
    "urn:oid:2.16.840.1.113883.6.96": SNOMED_CT,
    "urn:oid:2.16.840.1.113883.6.1": LOINC,
    "urn:oid:2.16.840.1.113883.6.88": RXNORM,
    "urn:oid:2.16.840.1.113883.6.12": CPT,
    "urn:oid:2.16.840.1.113883.3.221.5": PAYER_TYPE,
}
# Category of three characters, then up to four more; the dot is often left out. ASCII only.
_ICD_10_CM_SHAPE = re.compile(r"[A-Za-z][0-9][0-9A-Za-z](?:\.?[0-9A-Za-z]{1,4})?")


def system_name(system: str) -> str:
    """The one URI we use for a system; a system without another name is returned as it is."""
    return _OTHER_NAMES.get(system, system)


def icd_10_cm(code: str) -> str | None:
    """An ICD-10-CM code in capitals and without its dot ("m51.360" is "M51360"), or None if it is none."""
    if _ICD_10_CM_SHAPE.fullmatch(code) is None:
        return None
    return code.replace(".", "").upper()
