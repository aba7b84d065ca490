"""Frozen value types that every room speaks: no I/O, no third-party import but msgspec."""
