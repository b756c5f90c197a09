"""FHIR at the door: read, checked, written."""
