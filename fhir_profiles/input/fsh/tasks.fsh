// What the service asks of people, and of whoever fulfils a referral.

Invariant: asked-about-the-right-thing
Description: "What is to be approved is a referral; what is to be reviewed is a decision, or an order that a person must look at."
Expression: "(code.coding.where(code = 'approve').exists() implies focus.reference.contains('ServiceRequest/')) and (code.coding.where(code = 'review').exists() implies (focus.reference.contains('GuidanceResponse/') or focus.reference.contains('ServiceRequest/')))"
Severity: #error

Profile: ReviewTask
Parent: Task
Id: review-task
Title: "Review task"
Description: "A person is asked to approve a proposal, or to look at a decision whose outcome is review."
* ^experimental = false
* obeys asked-about-the-right-thing
* identifier 1..1 MS
* identifier.system 1..1
* identifier.system = "https://spine-referral.example/fhir/review"
* identifier.value 1..1
* status MS
* status from ReviewStatuses (required)
* intent = #order
* priority 1..1 MS
* priority from ReferralPriorities (required)
* code 1..1 MS
* code from ReviewCodes (required)
* focus 1..1 MS
* focus only Reference(ServiceRequest or GuidanceResponse)
* for 1..1 MS
* for only Reference(Patient)
* authoredOn 1..1 MS
* owner MS
* owner ^short = "Who has claimed it"
* reasonCode 1..1 MS
* reasonCode from Reasons (required)
* restriction MS
* restriction.period MS
* restriction.period.end 1..1 MS
* restriction.period.end ^short = "When it is due"
* note MS
* note ^short = "What the reviewer said"
* output MS
* output ^short = "The reviewer's reason"

Profile: FulfillmentTask
Parent: Task
Id: fulfillment-task
Title: "Fulfillment task"
Description: "How an approved referral fares with whoever fulfils it: a draft from the approval until the order is sent."
* ^experimental = false
* identifier 1..1 MS
* identifier.system 1..1
* identifier.system = "https://spine-referral.example/fhir/fulfillment"
* identifier.value 1..1
* identifier.value ^short = "The order's"
* status MS
* businessStatus MS
* statusReason MS
* intent = #order
* code 1..1 MS
* code = $TaskCode#fulfill
* priority 1..1 MS
* priority from ReferralPriorities (required)
* focus 1..1 MS
* focus only Reference(ServiceRequest)
* for 1..1 MS
* for only Reference(Patient)
* authoredOn 1..1 MS
* requester MS
* requester ^short = "Who approved the referral"
* owner MS
* restriction MS
* restriction.period MS
* restriction.period.end ^short = "When the order is to be sent"
* output MS
* output ^short = "The report that closes the loop"
