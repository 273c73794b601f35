"""The built-in rules: one folder each, found through the entry point like any other pack."""
