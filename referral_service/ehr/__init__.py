"""The other side: FHIR servers of EHRs, reached by httpx."""
