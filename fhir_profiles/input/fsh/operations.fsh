// Operations that the service answers today.

Instance: assess
InstanceOf: OperationDefinition
Usage: #definition
Title: "Assess"
* url = "https://spine-referral.example/fhir/OperationDefinition/assess"
* version = "1.0.0"
* name = "Assess"
* title = "Assess"
* status = #active
* experimental = false
* kind = #operation
* description = "What the service decides about a patient for a day, with what was known at an instant. Nothing is stored."
* affectsState = false
* code = #assess
* resource = #Patient
* system = false
* type = false
* instance = true
* parameter[+].name = #asOf
* parameter[=].use = #in
* parameter[=].min = 0
* parameter[=].max = "1"
* parameter[=].documentation = "The day that the question is asked for; today if left out."
* parameter[=].type = #date
* parameter[+].name = #knownAt
* parameter[=].use = #in
* parameter[=].min = 0
* parameter[=].max = "1"
* parameter[=].documentation = "Only what the service had received by this instant counts; everything if left out."
* parameter[=].type = #instant
* parameter[+].name = #return
* parameter[=].use = #out
* parameter[=].min = 1
* parameter[=].max = "1"
* parameter[=].documentation = "A collection of GuidanceResponse, one for each episode, or one without a region."
* parameter[=].type = #Bundle

// People's verbs.

RuleSet: PersonsVerb(name, title)
* url = "https://spine-referral.example/fhir/OperationDefinition/{name}"
* version = "1.0.0"
* name = "{title}"
* title = "{title}"
* status = #active
* experimental = false
* kind = #operation
* affectsState = true
* code = #{name}
* system = false
* type = false
* instance = true

RuleSet: Takes(name, min, type)
* parameter[+].name = #{name}
* parameter[=].use = #in
* parameter[=].min = {min}
* parameter[=].max = "1"
* parameter[=].type = #{type}

RuleSet: Gives(type)
* parameter[+].name = #return
* parameter[=].use = #out
* parameter[=].min = 1
* parameter[=].max = "1"
* parameter[=].type = #{type}

Instance: approve
InstanceOf: OperationDefinition
Usage: #definition
Title: "Approve"
* insert PersonsVerb(approve, Approve)
* description = "A proposal that is draft is approved: it becomes completed, its Task too, and an order follows that is based on it, with a Task to fulfil it."
* resource[+] = #ServiceRequest
* insert Takes(note, 0, string)
* parameter[=].documentation = "What is said, in words; kept with who said it, and when."
* insert Gives(ServiceRequest)
* parameter[=].documentation = "The order."

Instance: decline
InstanceOf: OperationDefinition
Usage: #definition
Title: "Decline"
* insert PersonsVerb(decline, Decline)
* description = "A proposal that is draft is declined: it becomes revoked, its Task completed with the reason as output. Nothing is drafted again until outcome, target or reasons differ."
* resource[+] = #ServiceRequest
* insert Takes(reason, 1, code)
* parameter[=].documentation = "Why: a code of the site's own."
* insert Takes(note, 0, string)
* parameter[=].documentation = "What is said, in words; kept with who said it, and when."
* insert Gives(ServiceRequest)
* parameter[=].documentation = "The proposal."

Instance: withdraw
InstanceOf: OperationDefinition
Usage: #definition
Title: "Withdraw"
* insert PersonsVerb(withdraw, Withdraw)
* description = "A proposal, or its order, is withdrawn: it becomes revoked, its Tasks cancelled. An order that the other side may have stays active, and a person is told."
* resource[+] = #ServiceRequest
* insert Takes(reason, 0, code)
* parameter[=].documentation = "Why: a code of the site's own."
* insert Takes(note, 0, string)
* parameter[=].documentation = "What is said, in words; kept with who said it, and when."
* insert Gives(ServiceRequest)
* parameter[=].documentation = "The ServiceRequest that was asked about."

Instance: close
InstanceOf: OperationDefinition
Usage: #definition
Title: "Close"
* insert PersonsVerb(close, Close)
* description = "An approved order is closed administratively, whether it was sent or not: it becomes revoked, the Task to fulfil it cancelled."
* resource[+] = #ServiceRequest
* insert Takes(reason, 1, code)
* parameter[=].documentation = "Why: a code of the site's own."
* insert Takes(note, 0, string)
* parameter[=].documentation = "What is said, in words; kept with who said it, and when."
* insert Gives(ServiceRequest)
* parameter[=].documentation = "The ServiceRequest that was asked about."

Instance: acknowledge
InstanceOf: OperationDefinition
Usage: #definition
Title: "Acknowledge"
* insert PersonsVerb(acknowledge, Acknowledge)
* description = "A red flag has been seen by a named human. No status changes; Provenance and ledger say who and when."
* resource[+] = #ServiceRequest
* resource[+] = #Task
* insert Gives(Resource)
* parameter[=].documentation = "The resource that was asked about."

Instance: claim
InstanceOf: OperationDefinition
Usage: #definition
Title: "Claim"
* insert PersonsVerb(claim, Claim)
* description = "Whoever asks becomes the owner of a Task that is requested; it is in-progress then."
* resource[+] = #Task
* insert Gives(Task)
* parameter[=].documentation = "The Task."

Instance: release
InstanceOf: OperationDefinition
Usage: #definition
Title: "Release"
* insert PersonsVerb(release, Release)
* description = "A claimed Task is given back: requested, without an owner."
* resource[+] = #Task
* insert Gives(Task)
* parameter[=].documentation = "The Task."

Instance: reassign
InstanceOf: OperationDefinition
Usage: #definition
Title: "Reassign"
* insert PersonsVerb(reassign, Reassign)
* description = "A Task that is requested or in-progress gets another owner, and is in-progress then."
* resource[+] = #Task
* insert Takes(owner, 1, Reference)
* parameter[=].documentation = "Whose it is now: a Practitioner, PractitionerRole, Organization or CareTeam."
* insert Gives(Task)
* parameter[=].documentation = "The Task."

Instance: complete
InstanceOf: OperationDefinition
Usage: #definition
Title: "Complete"
* insert PersonsVerb(complete, Complete)
* description = "A review that is no proposal's is done. Nobody is asked again until the answer differs."
* resource[+] = #Task
* insert Takes(reason, 0, code)
* parameter[=].documentation = "Why: a code of the site's own."
* insert Takes(note, 0, string)
* parameter[=].documentation = "What is said, in words; kept with who said it, and when."
* insert Gives(Task)
* parameter[=].documentation = "The Task."
