"""The runs that were kept, and the chain of hashes that makes them evidence."""
