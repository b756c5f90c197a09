"""The client of other FHIR servers, against real servers that misbehave."""
