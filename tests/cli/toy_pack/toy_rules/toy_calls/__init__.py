"""The rule toy-calls."""
