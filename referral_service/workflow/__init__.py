"""The verbs: what the service does, over ports; no SQL, no HTTP, no clock of its own."""
