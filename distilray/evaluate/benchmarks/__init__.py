"""Benchmarks: each has one file and one line in the registry."""
