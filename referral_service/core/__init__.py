"""The clinical meaning, pure: nouns only, no clock, no input or output, no identifiers minted."""
