"""Vignettes: short patient stories, each with the decision that pathway.md gives, worked out by hand.

They are what a clinician reviews to trust the pathway, and they know nothing of the code. One YAML file has
the stories of one section, in the notation of the sample clinic; days are counted from `as_of`, 2026-06-01
unless a story says otherwise. Four keys stand beside the notation's: `known_at` asks with what was known
then, `route` names the line of section 10 that a story shows, `sides` the numbers on one side of which it
stands, and `reading` says which of two readings of a sentence it takes.
"""
