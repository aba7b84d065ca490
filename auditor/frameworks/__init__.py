"""Compliance frameworks: their controls as data, and what the rules found on each."""
