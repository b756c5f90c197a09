"""R4's names, and what R4 says where the R4B metadata of fhir.resources is silent, cut short or different.

Source: the R4 (4.0.1) definitions, https://hl7.org/fhir/R4/. Keys are (class of fhir.resources, element).
"""

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Every concrete resource type of R4.
R4_TYPES: Final = _words(
    "Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment AppointmentResponse"
    " AuditEvent Basic Binary BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement"
    " CarePlan CareTeam CatalogEntry ChargeItem ChargeItemDefinition Claim ClaimResponse"
    " ClinicalImpression CodeSystem Communication CommunicationRequest CompartmentDefinition"
    " Composition ConceptMap Condition Consent Contract Coverage CoverageEligibilityRequest"
    " CoverageEligibilityResponse DetectedIssue Device DeviceDefinition DeviceMetric DeviceRequest"
    " DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference"
    " EffectEvidenceSynthesis Encounter Endpoint EnrollmentRequest EnrollmentResponse"
    " EpisodeOfCare EventDefinition Evidence EvidenceVariable ExampleScenario ExplanationOfBenefit"
    " FamilyMemberHistory Flag Goal GraphDefinition Group GuidanceResponse HealthcareService"
    " ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation"
    " ImplementationGuide InsurancePlan Invoice Library Linkage List Location Measure"
    " MeasureReport Media Medication MedicationAdministration MedicationDispense"
    " MedicationKnowledge MedicationRequest MedicationStatement MedicinalProduct"
    " MedicinalProductAuthorization MedicinalProductContraindication MedicinalProductIndication"
    " MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured"
    " MedicinalProductPackaged MedicinalProductPharmaceutical MedicinalProductUndesirableEffect"
    " MessageDefinition MessageHeader MolecularSequence NamingSystem NutritionOrder Observation"
    " ObservationDefinition OperationDefinition OperationOutcome Organization"
    " OrganizationAffiliation Parameters Patient PaymentNotice PaymentReconciliation Person"
    " PlanDefinition Practitioner PractitionerRole Procedure Provenance Questionnaire"
    " QuestionnaireResponse RelatedPerson RequestGroup ResearchDefinition"
    " ResearchElementDefinition ResearchStudy ResearchSubject RiskAssessment RiskEvidenceSynthesis"
    " Schedule SearchParameter ServiceRequest Slot Specimen SpecimenDefinition StructureDefinition"
    " StructureMap Subscription Substance SubstanceNucleicAcid SubstancePolymer SubstanceProtein"
    " SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification SupplyDelivery"
    " SupplyRequest Task TerminologyCapabilities TestReport TestScript ValueSet VerificationResult"
    " VisionPrescription"
)

# What the service takes in or gives out: checked wherever it stands. Other types in a Bundle are passed by.
CHECKED_TYPES: Final = _words(
    "Patient Condition Procedure Observation QuestionnaireResponse MedicationRequest"
    " MedicationStatement AllergyIntolerance DiagnosticReport ImagingStudy ServiceRequest"
    " Encounter Coverage Consent Goal Organization Practitioner PractitionerRole Location Task"
    " Subscription Bundle Parameters OperationOutcome GuidanceResponse Provenance"
)

# R4 types that R4B dropped, renamed or rewrote: only their JSON form can be checked.
UNLIKE_R4B: Final = _words(
    "EffectEvidenceSynthesis Evidence EvidenceVariable MedicinalProduct"
    " MedicinalProductAuthorization MedicinalProductContraindication MedicinalProductIndication"
    " MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured"
    " MedicinalProductPackaged MedicinalProductPharmaceutical MedicinalProductUndesirableEffect"
    " RiskEvidenceSynthesis SubstanceNucleicAcid SubstancePolymer SubstanceProtein"
    " SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification"
)

_DATA_TYPES = _words(
    "Address Age Annotation Any Attachment BackboneElement CodeableConcept Coding ContactDetail"
    " ContactPoint Contributor Count DataRequirement Distance DomainResource Dosage Duration"
    " Element ElementDefinition Expression Extension HumanName Identifier MarketingStatus Meta"
    " Money MoneyQuantity Narrative ParameterDefinition Period Population ProdCharacteristic"
    " ProductShelfLife Quantity Range Ratio Reference RelatedArtifact Resource SampledData"
    " Signature SimpleQuantity SubstanceAmount Timing TriggerDefinition Type UsageContext"
    " base64Binary boolean canonical code date dateTime decimal id instant integer markdown oid"
    " positiveInt string time unsignedInt uri url uuid xhtml"
)

_COMPARATOR = _words("< <= >= >")
_OBSERVED = _words("registered preliminary final amended corrected cancelled entered-in-error unknown")
_ENCOUNTERED = _words(
    "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown"
)

# The first twelve are lists that the metadata ends in "+"; of the others it has no list.
REQUIRED_CODES: Final[dict[tuple[str, str], frozenset[str]]] = {
    ("DetectedIssue", "status"): _OBSERVED,
    ("DeviceUdiCarrier", "entryType"): _words("barcode rfid manual card self-reported unknown"),
    ("DeviceUseStatement", "status"): _words("active completed entered-in-error intended stopped on-hold"),
    ("DiagnosticReport", "status"): _OBSERVED | {"partial", "appended"},
    ("Encounter", "status"): _ENCOUNTERED,
    ("EncounterStatusHistory", "status"): _ENCOUNTERED,
    ("Observation", "status"): _OBSERVED,
    ("QuestionnaireItem", "type"): _words(
        "group display question boolean decimal integer date dateTime time string text url choice"
        " open-choice attachment reference quantity"
    ),
    ("RiskAssessment", "status"): _OBSERVED,
    ("StructureMapGroupRuleTarget", "transform"): _words(
        "create copy truncate escape cast append translate reference dateOp uuid pointer evaluate cc"
        " c qty id cp"
    ),
    ("SupplyRequest", "status"): _words(
        "draft active suspended cancelled completed entered-in-error unknown"
    ),
    ("Task", "status"): _words(
        "draft requested received accepted rejected ready cancelled in-progress on-hold failed"
        " completed entered-in-error"
    ),
    ("Age", "comparator"): _COMPARATOR,
    ("AuditEvent", "action"): _words("C R U D E"),
    ("AuditEvent", "outcome"): _words("0 4 8 12"),
    ("AuditEventAgentNetwork", "type"): _words("1 2 3 4 5"),
    ("Count", "comparator"): _COMPARATOR,
    ("DataRequirement", "type"): R4_TYPES | _DATA_TYPES,
    ("Distance", "comparator"): _COMPARATOR,
    ("Duration", "comparator"): _COMPARATOR,
    ("OperationOutcomeIssue", "code"): _words(
        "invalid structure required value invariant security login unknown expired forbidden"
        " suppressed processing not-supported duplicate multiple-matches not-found deleted too-long"
        " code-invalid extension too-costly business-rule conflict transient lock-error no-store"
        " exception timeout incomplete throttled informational"
    ),
    ("ParameterDefinition", "type"): R4_TYPES | _DATA_TYPES,
    ("Quantity", "comparator"): _COMPARATOR,
    ("TimingRepeat", "when"): _words(
        "MORN MORN.early MORN.late NOON AFT AFT.early AFT.late EVE EVE.early EVE.late NIGHT PHS HS"
        " WAKE C CM CD CV AC ACM ACD ACV PC PCM PCD PCV"
    ),
}

# The metadata lists codes for these, but their binding is not required.
NOT_REQUIRED_CODES: Final = frozenset({("CapabilityStatement", "format"), ("Expression", "language")})

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"

# CodeableConcepts whose binding is required: the system and its codes.
REQUIRED_CONCEPTS: Final[dict[tuple[str, str], tuple[str, frozenset[str]]]] = {
    ("AllergyIntolerance", "clinicalStatus"): (
        _TERMINOLOGY + "allergyintolerance-clinical",
        _words("active inactive resolved"),
    ),
    ("AllergyIntolerance", "verificationStatus"): (
        _TERMINOLOGY + "allergyintolerance-verification",
        _words("unconfirmed confirmed refuted entered-in-error"),
    ),
    ("Condition", "clinicalStatus"): (
        _TERMINOLOGY + "condition-clinical",
        _words("active recurrence relapse inactive remission resolved"),
    ),
    ("Condition", "verificationStatus"): (
        _TERMINOLOGY + "condition-ver-status",
        _words("unconfirmed provisional differential confirmed refuted entered-in-error"),
    ),
}

MIME_TYPES: Final = frozenset(
    {
        ("Attachment", "contentType"),
        ("Binary", "contentType"),
        ("Signature", "sigFormat"),
        ("Signature", "targetFormat"),
        ("SubscriptionChannel", "payload"),
    }
)

# Quantities without comparator (sqty-1).
SIMPLE_QUANTITIES: Final = frozenset(
    {
        ("CoverageCostToBeneficiary", "valueQuantity"),
        ("Dosage", "maxDosePerAdministration"),
        ("Dosage", "maxDosePerLifetime"),
        ("DosageDoseAndRate", "doseQuantity"),
        ("DosageDoseAndRate", "rateQuantity"),
        ("MedicationRequestDispenseRequest", "quantity"),
        ("MedicationRequestDispenseRequestInitialFill", "quantity"),
        ("ObservationReferenceRange", "high"),
        ("ObservationReferenceRange", "low"),
        ("Range", "high"),
        ("Range", "low"),
        ("SampledData", "origin"),
    }
)

# What R4B lets these refer to besides, R4 does not.
TARGETS: Final[dict[tuple[str, str], frozenset[str]]] = {
    ("DiagnosticReport", "subject"): _words("Patient Group Device Location"),
    ("Observation", "subject"): _words("Patient Group Device Location"),
}

# Like the id of an element, these are written in XML so that nothing can extend them.
BARE: Final = frozenset({("Extension", "url"), ("Narrative", "div")})

# Elements that R4B added to an R4 type.
NOT_IN_R4: Final = frozenset({("Extension", "valueCodeableReference"), ("Extension", "valueRatioRange")})
