// What the service decides, and what the decision rests on.

Invariant: asks-for-what-is-missing
Description: "Data are required exactly when something is missing."
Expression: "(status = 'data-required') = dataRequirement.exists()"
Severity: #error

Profile: SpineDecision
Parent: GuidanceResponse
Id: spine-decision
Title: "Spine decision"
Description: "The decision for one episode, or for a patient without any; a new decision is a new version of it."
* ^experimental = false
* obeys asks-for-what-is-missing
* contained 1..1 MS
* contained only SpineDecisionParameters
* requestIdentifier 1..1 MS
* requestIdentifier.system 1..1
* requestIdentifier.system = "https://spine-referral.example/fhir/episode"
* requestIdentifier.value 1..1
* module[x] only canonical
* module[x] MS
* status MS
* status from DecisionStatuses (required)
* subject 1..1 MS
* subject only Reference(Patient)
* occurrenceDateTime 1..1 MS
* occurrenceDateTime ^short = "The instant that the decision was asked for"
* reasonReference MS
* reasonReference only Reference(Condition)
* reasonReference ^short = "The episode's active conditions"
* outputParameters 1..1 MS
* dataRequirement MS
* dataRequirement ^short = "What would settle it"

Profile: SpineDecisionParameters
Parent: Parameters
Id: spine-decision-parameters
Title: "Parameters of a spine decision"
Description: "The decision itself: outcome, days, every criterion with its measured value, threshold, source and evidence, and the facts that were left out with the reason."
* ^experimental = false
* parameter 1..* MS
* parameter ^slicing.discriminator.type = #value
* parameter ^slicing.discriminator.path = "name"
* parameter ^slicing.rules = #open
* parameter contains
    outcome 1..1 MS and
    region 0..1 MS and
    class 0..1 MS and
    target 0..1 MS and
    route 0..1 MS and
    reason 0..* MS and
    wakeOn 0..1 MS and
    episodeStart 0..1 MS and
    trialStart 0..1 MS and
    missing 0..* MS and
    note 0..* MS and
    criterion 0..* MS and
    redFlag 0..* MS and
    leftOut 0..* MS
* insert Holds(outcome, code)
* parameter[outcome].valueCode from Outcomes (required)
* insert Holds(region, code)
* insert Holds(class, code)
* insert Holds(target, code)
* parameter[target].valueCode from ReferralTargets (required)
* insert Holds(route, code)
* parameter[route] ^short = "The line of the route's table that applied"
* insert Holds(reason, code)
* parameter[reason].valueCode from Reasons (required)
* insert Holds(wakeOn, date)
* parameter[wakeOn] ^short = "The next day on which time alone changes the decision"
* insert Holds(episodeStart, date)
* insert Holds(trialStart, date)
* insert Holds(missing, code)
* insert Holds(note, code)
* insert Tells(criterion)
* parameter[criterion] ^short = "id, status (met, not-met, unknown, waived), value, threshold, source, evidence"
* insert Tells(redFlag)
* parameter[redFlag] ^short = "concept, date, source"
* insert Tells(leftOut)
* parameter[leftOut] ^short = "fact, reason"

RuleSet: Holds(name, type)
* parameter[{name}].name = "{name}" (exactly)
* parameter[{name}].value[x] 1..1
* parameter[{name}].value[x] only {type}
* parameter[{name}].resource 0..0

RuleSet: Tells(name)
* parameter[{name}].name = "{name}" (exactly)
* parameter[{name}].value[x] 0..0
* parameter[{name}].resource 0..0
