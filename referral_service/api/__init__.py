"""The HTTP face: FHIR, the coordinators' pages, and what operators ask; it decides nothing itself."""
