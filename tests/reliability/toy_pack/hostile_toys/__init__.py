"""Rules that change almost every statement, and one that ends its process in many ways."""
