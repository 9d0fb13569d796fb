"""What is read of the host: its sensors, how quiet it is, its memory, and whether it is free for a measurement."""
