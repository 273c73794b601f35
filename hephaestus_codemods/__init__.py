"""Rewrite slow Python web backends, one revertible, measured patch at a time."""

__version__ = "0.1.0"
