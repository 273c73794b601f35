"""What was done, for machines and for people."""
