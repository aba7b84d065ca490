"""The only input: a live cluster, manifests, or a saved snapshot."""
