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
