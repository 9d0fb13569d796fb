"""What the time of a variant is made of, how two variants differ, and what would help."""
