"""What the measuring parent asks of a launch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Arrivals:
    """How inferences arrive at a server.

    Attributes
    ----------
    rate : float
        Arrivals per second.
    p99_ms : float
        Bound on the 99th percentile of latency that the highest rate is searched for, in ms.
    trial_s, trial_queries : float, int
        A rate is tried for so many seconds, and for so many arrivals at least.
    steps : int
        Number of bisections.
    seed : int
        Draws the arrivals.
    limit_s : float
        Seconds after which no further inference of the timed part is started, and that the search may take: a rate far
        above what can be done must not keep a launch until it is taken for hung.
    """

    rate: float
    p99_ms: float
    trial_s: float
    trial_queries: int
    steps: int
    seed: int
    limit_s: float


@dataclass(frozen=True)
class LaunchRequest:
    """What one launch has to do; goes to it as JSON.

    A plain dataclass: it is written by one half of this package and read by the other, and a launch starts faster
    without a validating library.

    Attributes
    ----------
    model : str
        Path of the IR.
    device : str
        OpenVINO device string.
    properties : dict
        Properties to compile with.
    members : list of str
        Physical devices whose effective settings are read back where `device` is a virtual one.
    mode : {"synchronous", "asynchronous", "server", "compile", "inspect"}
        How requests are made; with ``compile`` and ``inspect`` one is, and nothing is timed.
    batch : int
        Images in one inference.
    infer_requests : int, optional
        None for what the compiled model calls optimal.
    images : str
        Path of the input images: a ``.npy`` of uint8, shape (images, height, width, 3).
    warm_up_s, duration_s : float
        Seconds of inference before timing, and timed.
    samples : str
        Path that gets the samples: a ``.npy`` of float64, shape (2, n): start in seconds since the first timed
        start, latency in milliseconds.
    inspect : bool
        Whether to look into the runtime model (after timing).
    least : int
        So many inferences are timed even if that takes longer.
    arrivals : dict, optional
        The fields of :class:`Arrivals`, for mode ``server``.
    powercap : str
        Folder of the counters of energy.
    """

    model: str
    device: str
    properties: dict[str, Any]
    members: tuple[str, ...]
    mode: str
    batch: int
    infer_requests: int | None
    images: str
    warm_up_s: float
    duration_s: float
    samples: str
    inspect: bool
    least: int = 1
    arrivals: dict[str, Any] | None = None
    powercap: str = "/sys/class/powercap"
