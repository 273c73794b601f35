"""The rule sqlalchemy-eager-load-relationship."""
