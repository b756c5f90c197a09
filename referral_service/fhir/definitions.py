"""R4's names, and what R4 says where the R4B metadata of fhir.resources is silent, cut short or different.

Source: the R4 (4.0.1) definitions, https://hl7.org/fhir/R4/. Keys are (class of fhir.resources, element).
"""

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _pairs(text: str) -> frozenset[tuple[str, str]]:
    return frozenset((owner, name) for owner, _, name in (one.partition(".") for one in text.split()))


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

_RESOURCES = R4_TYPES | {"Resource", "DomainResource"}
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
_VERSIONS = _words(
    "0.01 0.05 0.06 0.11 0.0.80 0.0.81 0.0.82 0.4.0 0.5.0 1.0.0 1.0.1 1.0.2 1.1.0 1.4.0 1.6.0 1.8.0 3.0.0"
    " 3.0.1 3.3.0 3.5.0 4.0.0 4.0.1"
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
    ("ActivityDefinition", "kind"): _words(
        "Appointment AppointmentResponse CarePlan Claim CommunicationRequest Contract DeviceRequest"
        " EnrollmentRequest ImmunizationRecommendation MedicationRequest NutritionOrder ServiceRequest"
        " SupplyRequest Task VisionPrescription"
    ),
    ("Age", "comparator"): _COMPARATOR,
    ("AuditEvent", "action"): _words("C R U D E"),
    ("AuditEvent", "outcome"): _words("0 4 8 12"),
    ("AuditEventAgentNetwork", "type"): _words("1 2 3 4 5"),
    ("CapabilityStatement", "fhirVersion"): _VERSIONS,
    ("CapabilityStatementRestResource", "type"): _RESOURCES,
    ("CompartmentDefinitionResource", "code"): _RESOURCES,
    ("Composition", "confidentiality"): _words("L M N R U V"),
    ("Count", "comparator"): _COMPARATOR,
    ("DataRequirement", "type"): R4_TYPES | _DATA_TYPES,
    ("Distance", "comparator"): _COMPARATOR,
    ("Duration", "comparator"): _COMPARATOR,
    ("ExampleScenarioInstance", "resourceType"): _RESOURCES,
    ("GraphDefinition", "start"): _RESOURCES,
    ("GraphDefinitionLinkTarget", "type"): _RESOURCES,
    ("ImplementationGuide", "fhirVersion"): _VERSIONS,
    ("ImplementationGuideDefinitionResource", "fhirVersion"): _VERSIONS,
    ("ImplementationGuideGlobal", "type"): _RESOURCES,
    ("MessageDefinitionFocus", "code"): _RESOURCES,
    ("OperationDefinition", "resource"): _RESOURCES,
    ("OperationDefinitionParameter", "type"): R4_TYPES | _DATA_TYPES,
    ("OperationOutcomeIssue", "code"): _words(
        "invalid structure required value invariant security login unknown expired forbidden"
        " suppressed processing not-supported duplicate multiple-matches not-found deleted too-long"
        " code-invalid extension too-costly business-rule conflict transient lock-error no-store"
        " exception timeout incomplete throttled informational"
    ),
    ("ParameterDefinition", "type"): R4_TYPES | _DATA_TYPES,
    ("Quantity", "comparator"): _COMPARATOR,
    ("Questionnaire", "subjectType"): _RESOURCES,
    ("SearchParameter", "base"): _RESOURCES,
    ("SearchParameter", "target"): _RESOURCES,
    ("StructureDefinition", "fhirVersion"): _VERSIONS,
    ("TestScriptSetupActionAssert", "resource"): R4_TYPES | _DATA_TYPES - {"Any", "Type"},
    ("TestScriptSetupActionOperation", "resource"): R4_TYPES | _DATA_TYPES - {"Any", "Type"},
    ("TimingRepeat", "when"): _words(
        "MORN MORN.early MORN.late NOON AFT AFT.early AFT.late EVE EVE.early EVE.late NIGHT PHS HS"
        " WAKE C CM CD CV AC ACM ACD ACV PC PCM PCD PCV"
    ),
}

# The metadata lists codes for these, but their binding is not required.
NOT_REQUIRED_CODES: Final = frozenset({("CapabilityStatement", "format"), ("Expression", "language")})

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_IMPROVEMENT = (_TERMINOLOGY + "measure-improvement-notation", _words("increase decrease"))

# CodeableConcepts whose binding is required: the system and its codes.
REQUIRED_CONCEPTS: Final[dict[tuple[str, str], tuple[str, frozenset[str]]]] = {
    ("AdverseEvent", "outcome"): (
        _TERMINOLOGY + "adverse-event-outcome",
        _words("fatal ongoing recovering resolved resolvedWithSequelae unknown"),
    ),
    ("AdverseEvent", "severity"): (
        _TERMINOLOGY + "adverse-event-severity",
        _words("mild moderate severe"),
    ),
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
    ("InsurancePlanPlanSpecificCostBenefitCost", "applicability"): (
        _TERMINOLOGY + "applicability",
        _words("in-network out-of-network other"),
    ),
    ("Measure", "improvementNotation"): _IMPROVEMENT,
    ("MeasureReport", "improvementNotation"): _IMPROVEMENT,
    ("SupplyDelivery", "type"): (_TERMINOLOGY + "supply-item-type", _words("device medication")),
}

# R4's own examples write "json" for some others, which are left as codes.
MIME_TYPES: Final = _pairs(
    "Attachment.contentType Binary.contentType CapabilityStatement.patchFormat"
    " ElementDefinitionMapping.language Endpoint.payloadMimeType Signature.sigFormat Signature.targetFormat"
    " SubscriptionChannel.payload"
)

# Quantities without comparator (sqty-1).
SIMPLE_QUANTITIES: Final = _pairs(
    "ActivityDefinition.quantity CarePlanActivityDetail.dailyAmount CarePlanActivityDetail.quantity"
    " ClaimItem.quantity ClaimItemDetail.quantity ClaimItemDetailSubDetail.quantity"
    " ClaimResponseAddItem.quantity ClaimResponseAddItemDetail.quantity"
    " ClaimResponseAddItemDetailSubDetail.quantity ContractTermAssetValuedItem.quantity"
    " CoverageCostToBeneficiary.valueQuantity CoverageEligibilityRequestItem.quantity"
    " Dosage.maxDosePerAdministration Dosage.maxDosePerLifetime DosageDoseAndRate.doseQuantity"
    " DosageDoseAndRate.rateQuantity ExplanationOfBenefitAddItem.quantity"
    " ExplanationOfBenefitAddItemDetail.quantity ExplanationOfBenefitAddItemDetailSubDetail.quantity"
    " ExplanationOfBenefitItem.quantity ExplanationOfBenefitItemDetail.quantity"
    " ExplanationOfBenefitItemDetailSubDetail.quantity Immunization.doseQuantity"
    " MedicationAdministrationDosage.dose MedicationAdministrationDosage.rateQuantity"
    " MedicationDispense.daysSupply MedicationDispense.quantity MedicationKnowledge.amount"
    " MedicationKnowledgeAdministrationGuidelinesPatientCharacteristics.characteristicQuantity"
    " MedicationKnowledgeDrugCharacteristic.valueQuantity MedicationKnowledgeKinetics.areaUnderCurve"
    " MedicationKnowledgeKinetics.lethalDose50 MedicationKnowledgePackaging.quantity"
    " MedicationKnowledgeRegulatoryMaxDispense.quantity MedicationRequestDispenseRequest.quantity"
    " MedicationRequestDispenseRequestInitialFill.quantity NutritionOrderEnteralFormula.caloricDensity"
    " NutritionOrderEnteralFormula.maxVolumeToDeliver NutritionOrderEnteralFormulaAdministration.quantity"
    " NutritionOrderEnteralFormulaAdministration.rateQuantity NutritionOrderOralDietNutrient.amount"
    " NutritionOrderSupplement.quantity ObservationReferenceRange.high ObservationReferenceRange.low"
    " Range.high Range.low SampledData.origin SpecimenCollection.quantity SpecimenContainer.capacity"
    " SpecimenContainer.specimenQuantity SpecimenDefinitionTypeTestedContainer.capacity"
    " SpecimenDefinitionTypeTestedContainer.minimumVolumeQuantity SubstanceInstance.quantity"
    " SupplyDeliverySuppliedItem.quantity VisionPrescriptionLensSpecification.duration"
)

# What R4B lets these refer to besides, R4 does not.
TARGETS: Final[dict[tuple[str, str], frozenset[str]]] = {
    ("DiagnosticReport", "subject"): _words("Patient Group Device Location"),
    ("Observation", "subject"): _words("Patient Group Device Location"),
    ("ActivityDefinition", "productReference"): _words("Medication Substance"),
    ("GroupMember", "entity"): _words(
        "Patient Practitioner PractitionerRole Device Medication Substance Group"
    ),
}

# Like the id of an element, these are written in XML so that nothing can extend them.
BARE: Final = frozenset({("Extension", "url"), ("Narrative", "div")})

# Choices of every data type. R4B's metadata has two in them that R4 has not, and lacks Meta.
ANY_TYPE: Final = (
    ("ElementDefinition", "defaultValue"),
    ("ElementDefinition", "fixed"),
    ("ElementDefinition", "pattern"),
    ("ElementDefinitionExample", "value"),
    ("Extension", "value"),
)

# Elements that R4B added to an R4 type.
NOT_IN_R4: Final = frozenset(
    {
        ("ActivityDefinition", "subjectCanonical"),
        ("PlanDefinition", "subjectCanonical"),
        ("PlanDefinitionAction", "subjectCanonical"),
        *(
            (owner, choice + kind)
            for owner, choice in ANY_TYPE
            for kind in ("CodeableReference", "RatioRange")
        ),
    }
)
