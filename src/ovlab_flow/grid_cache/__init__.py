"""Composed grids, kept for the jobs of a run and for the next run: composing takes 0.1 s a variant, reading none."""
