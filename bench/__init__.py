"""Benchmarks: each beside a baseline in the same run, told as a ratio."""
