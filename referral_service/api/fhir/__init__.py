"""The FHIR R4 face: one module a resource interaction, routed and declared by one table."""
