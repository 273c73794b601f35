"""What we know about the target: its files, versions, names and values."""
