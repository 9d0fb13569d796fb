"""What the parent asks of a profiling process, and of one that finds the machine's peaks; both go to it as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ProfileRequest:
    """One launch that profiles a variant.

    Attributes
    ----------
    model : str
        Path of the IR.
    device : str
        A physical device of OpenVINO.
    properties : dict
        Properties to compile with, besides counters and the single stream.
    images : str, optional
        Path of the input images, a ``.npy`` of uint8, shape (images, height, width, 3); random inputs without one.
    warm_up_s, duration_s : float
        Seconds of inference before counting, and counted; as long again without counters.
    """

    model: str
    device: str
    properties: dict[str, Any]
    images: str | None
    warm_up_s: float
    duration_s: float


@dataclass(frozen=True)
class ScalingRequest:
    """One launch that varies threads and batch.

    Attributes
    ----------
    profile : dict
        The fields of a :class:`ProfileRequest`; its times are those of each run.
    batch : int
        The larger batch.
    """

    profile: dict[str, Any]
    batch: int


@dataclass(frozen=True)
class PeaksRequest:
    """One launch that finds a machine's peaks.

    Attributes
    ----------
    device : str
        A physical device of OpenVINO.
    properties : dict
        Properties to compile with.
    windows : int
        How often each peak is measured.
    window_s : float
        Length of a window in seconds.
    without_tiles : bool
        Whether to find what the vector units do in the types that AMX has, and nothing else.
    """

    device: str
    properties: dict[str, Any]
    windows: int
    window_s: float
    without_tiles: bool = False
