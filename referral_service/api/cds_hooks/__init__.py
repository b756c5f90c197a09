"""CDS Hooks 2.0: decision support that an EHR calls while its user works."""
