"""The one adapter between the configuration and the workflow: Hydra composition, typed specs, grid of jobs."""

from ovlab_flow.grid import Grid
from ovlab_flow.retry import put_failed_aside
from ovlab_flow.workflow import clean_up, grid_for_snakemake, hide_from_jobs, last_words, load_grid

__all__ = ["Grid", "clean_up", "grid_for_snakemake", "hide_from_jobs", "last_words", "load_grid", "put_failed_aside"]
