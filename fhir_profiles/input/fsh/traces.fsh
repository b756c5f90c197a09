// What else one evaluation leaves behind: where its results come from, and the red flags that it saw.

Profile: SpineProvenance
Parent: Provenance
Id: spine-provenance
Title: "Provenance of a decision"
Description: "What one evaluation wrote, by which pathway, and from what."
* ^experimental = false
* target MS
* recorded MS
* policy 1..1 MS
* policy ^short = "The pathway"
* agent 1..1 MS
* agent.type 1..1
* agent.type = $Participant#assembler
* agent.who.display 1..1
* entity MS
* entity.role = #source

Profile: SpineAnswerProvenance
Parent: Provenance
Id: spine-answer-provenance
Title: "Provenance of an answer"
Description: "What a person said (approve, decline, claim and so on), what was done with an order on its way (send, enter, print), or what its fulfiller said of it; and what it made or was about."
* ^experimental = false
* target MS
* recorded MS
* activity 1..1 MS
* activity.text 1..1
* activity.text ^short = "The operation, without its $; what was done; or status and business status of the Task"
* agent 1..1 MS
* agent.type 1..1
* agent.type = $Participant#performer
* agent.who only Reference(Practitioner or PractitionerRole or Organization or Device)

Profile: SpineRedFlag
Parent: DetectedIssue
Id: spine-red-flag
Title: "Red flag"
Description: "A possible red flag, recorded by a source; never a directive."
* ^experimental = false
* status MS
* status from RedFlagStatuses (required)
* code 1..1 MS
* code from Reasons (required)
* severity 1..1
* severity = #high
* patient 1..1 MS
* patient only Reference(Patient)
* identified[x] 1..1 MS
* identified[x] only dateTime
* implicated 1..1 MS
* implicated ^short = "What records it"
