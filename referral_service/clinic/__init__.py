"""The sample clinic: synthetic patients as short stories, turned into FHIR and sent as an EHR sends them."""
