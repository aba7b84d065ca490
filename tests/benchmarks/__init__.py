"""Benchmarks: what an audit costs in time and memory, on generated clusters."""
