"""The grid of an experiment: its jobs as plain data, built from what the YAML files compose to."""

from ovlab_flow.grid.build import build_grid
from ovlab_flow.grid.jobs import Accuracy, Grid, Machine, Profile, Session, Source, Variant, pattern

__all__ = ["Accuracy", "Grid", "Machine", "Profile", "Session", "Source", "Variant", "build_grid", "pattern"]
