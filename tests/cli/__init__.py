"""The commands, as an operator or a clinician types them."""
