"""The web application of a project: what it is made of, and what answers which requests."""
