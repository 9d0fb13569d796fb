"""What of a bundle is recomputed, one module a kind of result; each check returns one line for each fault."""
