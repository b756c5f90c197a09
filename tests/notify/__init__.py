"""News from other systems, over a real server, with a real EHR to fetch from."""
