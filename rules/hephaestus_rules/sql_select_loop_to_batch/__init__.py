"""The rule sql-select-loop-to-batch."""
