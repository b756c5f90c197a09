// What the service reads of what it receives. These profiles demand nothing: an untidy resource is taken too, and
// what cannot be used is named among the facts left out. Must-support says: this element is read.

Profile: PatientAsRead
Parent: Patient
Id: patient-as-read
Title: "Patient, as read"
Description: "Age and death; everything else is kept and not used."
* ^experimental = false
* birthDate MS
* deceased[x] MS

Profile: ConditionAsRead
Parent: Condition
Id: condition-as-read
Title: "Condition, as read"
Description: "Opens, closes and explains episodes; records red flags."
* ^experimental = false
* clinicalStatus MS
* clinicalStatus ^short = "Without one: active if recorded, else begun, within 12 months"
* verificationStatus MS
* verificationStatus ^short = "Only confirmed, or none, opens an elective episode; refuted and entered-in-error do not exist"
* category MS
* category ^short = "A red flag known from encounter diagnoses alone is asked about"
* code MS
* code ^short = "Concept and region by the value sets"
* subject MS
* onset[x] MS
* abatement[x] MS
* abatement[x] ^short = "Of any type: over"
* recordedDate MS

Profile: ProcedureAsRead
Parent: Procedure
Id: procedure-as-read
Title: "Procedure, as read"
Description: "Treatment: one visit-day, or a course."
* ^experimental = false
* status MS
* status ^short = "completed and in-progress count; not-done is a reason, never treatment"
* statusReason MS
* code MS
* subject MS
* performed[x] MS
* reasonCode MS
* reasonReference MS
* bodySite MS

Profile: MedicationRequestAsRead
Parent: MedicationRequest
Id: medication-request-as-read
Title: "MedicationRequest, as read"
Description: "A drug ordered, and the days that it covers."
* ^experimental = false
* contained MS
* contained ^short = "A Medication that medicationReference points at"
* status MS
* intent MS
* intent ^short = "Only an order counts"
* doNotPerform MS
* medication[x] MS
* subject MS
* authoredOn MS
* reasonCode MS
* reasonReference MS
* dosageInstruction MS
* dosageInstruction.timing MS
* dosageInstruction.timing ^short = "repeat.boundsPeriod or boundsDuration"
* dispenseRequest MS
* dispenseRequest.expectedSupplyDuration MS

Profile: MedicationStatementAsRead
Parent: MedicationStatement
Id: medication-statement-as-read
Title: "MedicationStatement, as read"
Description: "A drug used, and the days that it covers."
* ^experimental = false
* contained MS
* contained ^short = "A Medication that medicationReference points at"
* status MS
* medication[x] MS
* subject MS
* effective[x] MS
* dateAsserted MS
* reasonCode MS
* reasonReference MS

Profile: ObservationAsRead
Parent: Observation
Id: observation-as-read
Title: "Observation, as read"
Description: "A score of pain or function, a pregnancy status, or a coded finding of imaging."
* ^experimental = false
* status MS
* code MS
* subject MS
* effective[x] MS
* issued MS
* value[x] MS
* bodySite MS
* component MS
* component.code MS
* component.value[x] MS

Profile: QuestionnaireResponseAsRead
Parent: QuestionnaireResponse
Id: questionnaire-response-as-read
Title: "QuestionnaireResponse, as read"
Description: "The scores among its answers: an item whose linkId is a score's LOINC code, or that a site's value set names by questionnaire and linkId."
* ^experimental = false
* questionnaire MS
* status MS
* subject MS
* authored MS
* item MS
* item.linkId MS
* item.answer MS

Profile: DiagnosticReportAsRead
Parent: DiagnosticReport
Id: diagnostic-report-as-read
Title: "DiagnosticReport, as read"
Description: "A report of imaging, and its coded findings. The narrative is left to people."
* ^experimental = false
* status MS
* code MS
* subject MS
* effective[x] MS
* issued MS
* conclusionCode MS

Profile: ServiceRequestAsRead
Parent: ServiceRequest
Id: service-request-as-read
Title: "ServiceRequest, as read"
Description: "A referral that a person has placed, or an echo of one of ours."
* ^experimental = false
* identifier MS
* identifier ^short = "One of ours says that it is an echo"
* status MS
* intent MS
* doNotPerform MS
* code MS
* subject MS
* authoredOn MS
* reasonCode MS
* reasonReference MS
* bodySite MS

Profile: AllergyIntoleranceAsRead
Parent: AllergyIntolerance
Id: allergy-intolerance-as-read
Title: "AllergyIntolerance, as read"
Description: "An allergy that speaks against the intradiscal route."
* ^experimental = false
* clinicalStatus MS
* verificationStatus MS
* code MS
* patient MS
* onset[x] MS
* recordedDate MS

Profile: ConsentAsRead
Parent: Consent
Id: consent-as-read
Title: "Consent, as read"
Description: "A consultation or operation that the patient has refused."
* ^experimental = false
* status MS
* patient MS
* dateTime MS
* provision MS
* provision.type MS
* provision.period MS
* provision.code MS
* provision.provision MS

Profile: CoverageAsRead
Parent: Coverage
Id: coverage-as-read
Title: "Coverage, as read"
Description: "Who pays. It never changes a clinical decision."
* ^experimental = false
* status MS
* type MS
* beneficiary MS
