"""The rule acme-cache-get-many."""
