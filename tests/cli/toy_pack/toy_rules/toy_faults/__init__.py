"""The rule toy-faults."""
