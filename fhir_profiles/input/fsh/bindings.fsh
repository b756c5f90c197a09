// What the elements of the profiles are bound to. The codes that are ours stand in resources/codesystems/.

ValueSet: Outcomes
Id: outcome
Title: "Outcomes of a decision"
Description: "Every outcome that a decision can have."
* ^experimental = false
* include codes from system $Outcome

ValueSet: Reasons
Id: reason
Title: "Reasons of a decision"
Description: "Every reason that a decision can give."
* ^experimental = false
* include codes from system $Reason

ValueSet: ReferralTargets
Id: referral-target
Title: "Referral targets"
Description: "The consultations that a referral may ask for."
* ^experimental = false
* include codes from system $ReferralTarget

ValueSet: ReferralCodes
Id: referral-code
Title: "What a referral asks for"
Description: "Public codes for the consultation: the project's own concepts of a referral, never a procedure."
* ^experimental = false
* include codes from valueset https://spine-referral.example/fhir/ValueSet/refer-surgical
* include codes from valueset https://spine-referral.example/fhir/ValueSet/refer-intradiscal
* include codes from valueset https://spine-referral.example/fhir/ValueSet/refer-generic

ValueSet: ReferralStatuses
Id: referral-status
Title: "Statuses of a referral"
Description: "A proposal is draft, on-hold, completed or revoked; an order active, completed or revoked."
* ^experimental = false
* $RequestStatus#draft
* $RequestStatus#active
* $RequestStatus#on-hold
* $RequestStatus#revoked
* $RequestStatus#completed

ValueSet: ReferralIntents
Id: referral-intent
Title: "Intents of a referral"
Description: "The service proposes; an order follows a person's approval."
* ^experimental = false
* $RequestIntent#proposal
* $RequestIntent#order

ValueSet: ReferralPriorities
Id: referral-priority
Title: "Priorities of a referral"
Description: "Routine for an exhausted trial, urgent or stat for a red flag."
* ^experimental = false
* $RequestPriority#routine
* $RequestPriority#urgent
* $RequestPriority#stat

ValueSet: ReviewCodes
Id: review-code
Title: "What a reviewer is asked for"
Description: "To approve a proposal, or to look at a decision that only a human can make."
* ^experimental = false
* $TaskCode#approve
* $Task#review

ValueSet: ReviewStatuses
Id: review-status
Title: "Statuses of a review"
Description: "Requested, claimed (in-progress), waiting while a red flag stands (on-hold), done or called off."
* ^experimental = false
* $TaskStatus#requested
* $TaskStatus#in-progress
* $TaskStatus#on-hold
* $TaskStatus#completed
* $TaskStatus#cancelled

ValueSet: RedFlagStatuses
Id: red-flag-status
Title: "Statuses of a red flag"
Description: "Preliminary while a decision rests on it, cancelled once none does."
* ^experimental = false
* $ObservationStatus#preliminary
* $ObservationStatus#cancelled

ValueSet: DecisionStatuses
Id: decision-status
Title: "Statuses of a decision"
Description: "Success, or data-required when something is missing that would settle it."
* ^experimental = false
* $GuidanceStatus#success
* $GuidanceStatus#data-required
