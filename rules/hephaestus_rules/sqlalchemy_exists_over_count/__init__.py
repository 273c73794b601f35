"""The rule sqlalchemy-exists-over-count."""
