"""Who asked for what is on record, for auditors alone, and says nothing of what was asked or answered."""
