"""What rules are made of: names, calls, expressions, statements."""
