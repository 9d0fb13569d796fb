"""How quiet a host must be for a measurement to count."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ovlab.specs.base import Spec

Share = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[float, Field(ge=0)]


class NoiseSpec(Spec):
    """Bounds of the noise gate (``measurement.noise`` in ``conf/config.yaml``).

    A bound of None is not checked; the reading is recorded all the same. Where the host does not tell a reading
    (no frequencies in a virtual machine), its bound has no effect.

    Attributes
    ----------
    wait_s : float
        Seconds that a session waits for the host to become quiet, all its rounds together. 0 never waits.
    then : {"mark", "fail"}
        What becomes of a row that was measured amid noise all the same: its `reason` says so, or it fails.
    tolerated : float
        Share of a row's launches (0 to 1) that may be beyond a bound.
    other_load : float, optional
        Processor time of processes that are not ours, as a share of what all cores have (0 to 1).
    steal : float, optional
        Processor time that the hypervisor gave to others, as a share of what was wanted (0 to 1).
    kernel_slowdown : float, optional
        Time of the calibration kernel over its best in the session, less 1.
    clock_drop : float, optional
        How far the processor's clock at the end of the timed part is below its highest in the session (0 to 1).
    temperature_c : float, optional
        Hottest sensor of the processor at the end of a launch, in degrees Celsius.
    throttling : int, optional
        Thermal throttling events during a launch, all cores together.
    major_faults : int, optional
        Page faults in the timed part that had to be read from a disk.
    """

    wait_s: Annotated[float, Field(ge=0, le=1e6)] = 60.0
    then: Literal["mark", "fail"] = "mark"
    tolerated: Share = 0.2
    other_load: Share | None = 0.2
    steal: Share | None = 0.05
    kernel_slowdown: NotNegative | None = 0.25
    clock_drop: Share | None = None
    temperature_c: NotNegative | None = None
    throttling: Annotated[int, Field(ge=0)] | None = None
    major_faults: Annotated[int, Field(ge=0)] | None = 100
