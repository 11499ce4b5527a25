"""What is on the shelves of a small shop, what it is worth, and what has to be ordered."""
