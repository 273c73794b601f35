"""What rules share that ask once, before a loop, what the loop asks for each item."""
