"""The rule redis-roundtrip-collapse."""
