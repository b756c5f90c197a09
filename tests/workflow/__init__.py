"""The verbs, over the real store."""
