"""The rule sql-aggregate-loop-to-group-by."""
