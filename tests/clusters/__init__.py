"""The scenarios: small clusters as manifests, each with what must come out of it."""
