"""What runs in a cluster: databases, environments, DNS, system namespaces, CNIs, as data."""
