"""Patients that generators of other people made, and what becomes of them here."""
