"""The only code that writes to a target, and that takes it back."""
