"""Rules → findings, and the report that holds them."""
