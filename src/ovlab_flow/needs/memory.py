"""How much memory a job asks of a cluster, estimated from the size of its model's files."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from ovlab_flow.grid.jobs import Source

FLOOR_MB = 2000
"""OpenVINO, NNCF and their libraries with a small model take 0.3 GB (measured); the rest is for images."""
PER_MODEL_MB = 8
"""The files as read, their graph, and compiled copies of a variant and of its reference with their activations."""
UNKNOWN_MB = 500.0
"""Taken for a file whose size is not declared and that is not here yet."""


def memory_mb(models: Iterable[Source], resources: str) -> int:
    """Return the memory that a step asks for, in MB (10^6 bytes): a floor, and more with the size of the models.

    Parameters
    ----------
    models : iterable of Source
        The model files that the step works on, or that its variants were made from; each counts once.
    resources : str
        Folder of the embedded files.
    """
    largest = max((_size_mb(source, resources) for source in models), default=0.0)
    return FLOOR_MB + math.ceil(PER_MODEL_MB * largest)


def _size_mb(source: Source, resources: str) -> float:
    total = 0.0
    for file in source.spec.files:
        path = file.path or (f"{resources}/{file.embedded}" if file.embedded else None)
        if file.size is not None:
            total += file.size / 1e6
        else:
            total += UNKNOWN_MB if path is None else _found_mb(Path(path))
    return total


def _found_mb(path: Path) -> float:
    try:
        return path.stat().st_size / 1e6
    except (OSError, ValueError):
        return UNKNOWN_MB
