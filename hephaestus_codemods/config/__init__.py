"""Settings, discovery and suppressions."""
