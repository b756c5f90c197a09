"""Coordinators at work in a real browser: given, when, then."""
