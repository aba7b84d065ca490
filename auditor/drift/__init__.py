"""What changed from one snapshot to another: policies, connections, findings, scope."""
