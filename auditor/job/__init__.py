"""What the verbs do: the pipeline of an audit, its steps, and comparisons."""
