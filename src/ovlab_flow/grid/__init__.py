"""The grid of an experiment: its jobs as plain data; `ovlab_flow.grid.build` makes it of what YAML composes to."""

from ovlab_flow.grid.jobs import Accuracy, Grid, Machine, Profile, Session, Source, Variant, pattern

__all__ = ["Accuracy", "Grid", "Machine", "Profile", "Session", "Source", "Variant", "pattern"]
