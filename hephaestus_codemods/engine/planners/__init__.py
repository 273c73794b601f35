"""Edits that several rules share: imports, manifests, lifespan, support package."""
