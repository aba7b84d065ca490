"""Reports of an audit: one file per format, all from the same display rows."""
