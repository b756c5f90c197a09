"""CDS Hooks: an EHR calls while its user works, and gets cards."""
