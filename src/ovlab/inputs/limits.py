"""The limits in force in this process: a step sets them once, whoever reads files or runs code of others asks."""

from __future__ import annotations

from ovlab.specs import LimitsSpec

_IN_FORCE = [LimitsSpec()]


def limits() -> LimitsSpec:
    """Return what files and code of others may take; what ships, unless a step has set something else."""
    return _IN_FORCE[0]


def use_limits(spec: LimitsSpec) -> LimitsSpec:
    """Put other limits in force, in this process and those that it forks, and return the former ones."""
    former, _IN_FORCE[0] = _IN_FORCE[0], spec
    return former
