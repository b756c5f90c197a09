"""Searching: which parameters each type has, how a resource is indexed, and what a query string asks."""
