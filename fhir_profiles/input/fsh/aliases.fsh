// Where everything of ours lives. A site that sets REFERRAL_CANONICAL_BASE has it elsewhere.
Alias: $ReferralTarget = https://spine-referral.example/fhir/CodeSystem/referral-target
Alias: $Outcome = https://spine-referral.example/fhir/CodeSystem/outcome
Alias: $Reason = https://spine-referral.example/fhir/CodeSystem/reason
Alias: $Task = https://spine-referral.example/fhir/CodeSystem/task
Alias: $TaskCode = http://hl7.org/fhir/CodeSystem/task-code
Alias: $RequestStatus = http://hl7.org/fhir/request-status
Alias: $RequestIntent = http://hl7.org/fhir/request-intent
Alias: $RequestPriority = http://hl7.org/fhir/request-priority
Alias: $TaskStatus = http://hl7.org/fhir/task-status
Alias: $ObservationStatus = http://hl7.org/fhir/observation-status
Alias: $GuidanceStatus = http://hl7.org/fhir/guidance-response-status
Alias: $Participant = http://terminology.hl7.org/CodeSystem/provenance-participant-type
