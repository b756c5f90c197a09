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
