// The five extensions of our ValueSets: what FHIR has no element for.

Extension: ConceptName
Id: concept-name
Title: "Concept name"
Description: "The pathway's concept that the codes of the value set mean."
Context: ValueSet
* ^experimental = false
* value[x] 1..1
* value[x] only code

Extension: ConceptRole
Id: concept-role
Title: "Concept role"
Description: "What the concept does to a decision."
Context: ValueSet
* ^experimental = false
* value[x] 1..1
* value[x] only code

Invariant: step-of-the-pyramid
Description: "The stepped-care pyramid has the steps 1 to 5."
Expression: "value >= 1 and value <= 5"
Severity: #error

Extension: ConceptStep
Id: concept-step
Title: "Concept step"
Description: "The concept's step of the stepped-care pyramid, 1 to 5."
Context: ValueSet
* ^experimental = false
* obeys step-of-the-pyramid
* value[x] 1..1
* value[x] only integer

Invariant: known-region
Description: "A region of the spine, several of them, or unspecified."
Expression: "value in ('cervical' | 'thoracic' | 'thoracolumbar' | 'lumbar' | 'lumbosacral' | 'sacral' | 'multi' | 'unspecified')"
Severity: #error

Extension: CodeRegion
Id: code-region
Title: "Code region"
Description: "The region of the spine that this one code names; thoracolumbar, lumbosacral and sacral count as lumbar, unspecified as none."
Context: ValueSet.compose.include.concept
* ^experimental = false
* obeys known-region
* value[x] 1..1
* value[x] only code

Invariant: known-detail
Description: "A detail that the pathway knows."
Expression: "value in ('small' | 'large' | 'leg-only' | 'vertebrogenic' | 'chronic' | 'product')"
Severity: #error

Extension: CodeDetail
Id: code-detail
Title: "Code detail"
Description: "What this one code adds to its concept: the size of an annular defect, leg pain only, a vertebrogenic or chronic pain; or that it is a product, an example of its class."
Context: ValueSet.compose.include.concept
* ^experimental = false
* obeys known-detail
* value[x] 1..1
* value[x] only code
