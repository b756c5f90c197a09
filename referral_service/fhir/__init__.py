"""FHIR R4 at the door: read, checked and written; the only package that knows its JSON."""
