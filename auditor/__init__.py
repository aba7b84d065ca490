"""Exact audit of Kubernetes network policies: who can reach whom, and what is wrong with it."""

__version__ = "0.1.0"
