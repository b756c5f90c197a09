"""An EHR that others can play with: a small FHIR server in memory, with faults to order."""
