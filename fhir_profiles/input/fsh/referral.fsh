// What the service emits: the referral.

Invariant: proposal-is-no-order
Description: "A proposal is never active; an order names the proposal that a person approved."
Expression: "(intent = 'proposal' implies status != 'active') and (intent = 'order' implies basedOn.exists())"
Severity: #error

Invariant: asks-for-a-consultation
Description: "A referral asks for a consultation: no CPT number, which would order a procedure."
Expression: "code.coding.where(system = 'http://www.ama-assn.org/go/cpt').empty()"
Severity: #error

Profile: SpineReferral
Parent: ServiceRequest
Id: spine-referral
Title: "Spine referral"
Description: "A request for a consultation, drafted by the service because a conservative trial looks exhausted or a red flag is recorded. The service writes proposals; a person decides, and an order follows an approval."
* ^experimental = false
* obeys proposal-is-no-order and asks-for-a-consultation
* identifier 1..1 MS
* identifier.system 1..1
* identifier.system = "https://spine-referral.example/fhir/referral"
* identifier.value 1..1
* identifier.value ^short = "The same for the same patient, region, episode, target, urgency and generation"
* instantiatesCanonical 1..1 MS
* instantiatesCanonical ^short = "The pathway and its version"
* basedOn 0..1 MS
* basedOn ^short = "Of an order: its proposal"
* status MS
* status from ReferralStatuses (required)
* intent MS
* intent from ReferralIntents (required)
* category 1..1 MS
* category.coding 1..1
* category.coding.system 1..1
* category.coding.system = "http://snomed.info/sct"
* category.coding.code 1..1
* category.coding.code = #3457005
* category.coding ^short = "Patient referral"
* priority 1..1 MS
* priority from ReferralPriorities (required)
* doNotPerform 0..0
* code 1..1 MS
* code from ReferralCodes (required)
* code.text 1..1 MS
* orderDetail 1..1 MS
* orderDetail from ReferralTargets (required)
* subject MS
* subject only Reference(Patient)
* authoredOn 1..1 MS
* requester MS
* requester ^short = "Of an order: who approved it"
* reasonReference MS
* reasonReference only Reference(Condition)
* reasonReference ^short = "The episode's active conditions, and the red flags"
* reasonCode MS
* reasonCode ^short = "The codes of those conditions, as sent"
* insurance MS
* insurance ^short = "Active coverages, the VA's among them"
* supportingInfo 1..* MS
* supportingInfo ^short = "The decision's version first, then what a reviewer opens first"
* note 1..* MS
* note ^short = "The evidence and the caveats in plain sentences; of an order also what was said when it was approved"
