"""fhir_profiles/: what is committed is what is built, and it is true of what the service reads and writes."""
