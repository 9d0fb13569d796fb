"""How to measure, and what to select: measurement, validation, experiments."""

from __future__ import annotations

import math
import operator
from itertools import product
from typing import Annotated

from pydantic import Field, model_validator

from ovlab.errors import nearest
from ovlab.specs.base import Spec
from ovlab.specs.host import HERE, NoiseSpec
from ovlab.specs.reporting.cells import Cell, CellPattern
from ovlab.specs.reporting.claims import ClaimSpec
from ovlab.specs.reporting.goals import GoalSpec
from ovlab.specs.scenario import Launches, PositiveFloat, PositiveInt, Seconds, SecondsFromZero, repeated
from ovlab.text import shortened

MOST_CELLS = 100_000
AXES = tuple(f"{axis}s" for axis in Cell._fields)
MOST_EXCLUSIONS = 1000
ImagesInMemory = Annotated[int, Field(gt=0, le=100_000)]
"""Decoded and kept for a whole launch."""
ShownImages = Annotated[int, Field(ge=0, le=1000)]
"""Each is a drawing in the report, or is run through every layer."""


class MeasurementSpec(Spec):
    """How sessions are measured (``measurement`` in ``conf/config.yaml``; an experiment may set its own).

    Attributes
    ----------
    launches : int
        Fewest rounds. Every round starts one fresh process (a launch) for each variant.
    max_launches : int
        Most rounds.
    width : float
        Rounds go on until the 95 % interval of every speed-up is narrower than plus or minus this fraction.
    warm_up_s, duration_s : float
        Seconds of inference before timing, and timed, in each launch.
    time_limit_s : float
        Seconds after which a session starts no further round beyond the fewest.
    timeout_s : float
        Seconds after which a launch is taken for hung.
    images : int
        Number of real images that are cycled as inputs.
    cached_launches : int
        Launches of each variant that compile from a warm cache, apart from the timed ones; 0 for none.
    noise : NoiseSpec
        How quiet the host must be.
    """

    launches: Launches = 5
    max_launches: Launches = 20
    width: PositiveFloat = 0.02
    warm_up_s: SecondsFromZero = 0.5
    duration_s: Seconds = 2.0
    time_limit_s: Seconds = 120.0
    timeout_s: Seconds = 300.0
    images: ImagesInMemory = 8
    cached_launches: Annotated[int, Field(ge=0, le=10_000)] = 1
    noise: NoiseSpec = NoiseSpec()

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> MeasurementSpec:
        if self.max_launches < self.launches:
            raise ValueError(f"max_launches: {self.max_launches} is less than launches: {self.launches}")
        if self.timeout_s <= self.warm_up_s + self.duration_s:
            raise ValueError(
                f"timeout_s: {self.timeout_s:g} is not more than warm_up_s + duration_s = "
                f"{self.warm_up_s + self.duration_s:g}, so every launch would be taken for hung"
            )
        return self


class PeaksSpec(Spec):
    """How a machine's peaks are found (``profiling.peaks`` in ``conf/config.yaml``).

    Attributes
    ----------
    launches : int
        Fresh processes.
    windows : int
        How often each of them measures each peak.
    window_s : float
        Length of a window in seconds.
    timeout_s : float
        Seconds after which a launch is taken for hung.
    other_load, steal : float
        A window during which others used more than this share of the host's processor time, or were given more by
        the hypervisor, is left out.
    """

    launches: Launches = 3
    windows: Launches = 2
    window_s: Seconds = 0.2
    timeout_s: Seconds = 300.0
    other_load: Annotated[float, Field(ge=0, le=1)] = 0.1
    steal: Annotated[float, Field(ge=0, le=1)] = 0.05


class ProfilingSpec(Spec):
    """How layers are profiled (``profiling`` in ``conf/config.yaml``; an experiment may set its own).

    Attributes
    ----------
    launches : int
        Fresh processes of each variant; three at least, so that a spread can be told.
    warm_up_s, duration_s : float
        Seconds of inference before counting, and counted; as long again without counters.
    timeout_s : float
        Seconds after which a launch is taken for hung.
    images : int
        Number of real images that are cycled as inputs.
    batch : int
        Larger batch that the time of an image is compared in; 0 leaves out the check of scaling.
    repeat_s : float
        Disturbed rounds are repeated, as many as there are `launches` at most; after so many seconds none is begun.
    lower_clock : float
        Share of the processor's highest clock that a further launch of each variant is limited to, as a cross-check; 0
        leaves the clock alone.
    peaks : PeaksSpec
        How the machine's peaks are found.
    """

    launches: Annotated[Launches, Field(ge=3)] = 3
    warm_up_s: Seconds = 0.1
    duration_s: Seconds = 0.5
    timeout_s: Seconds = 300.0
    images: ImagesInMemory = 4
    batch: Annotated[int, Field(ge=0, le=1024)] = 4
    repeat_s: Annotated[float, Field(ge=0, le=1e6)] = 20.0
    lower_clock: Annotated[float, Field(ge=0, lt=1)] = 0.0
    peaks: PeaksSpec = PeaksSpec()


class ValidationSpec(Spec):
    """How accuracy is validated (``validation`` in ``conf/config.yaml``).

    Attributes
    ----------
    device : str
        The device that validation runs on.
    limit : int, optional
        Validate only this many images of the split (a quick look, not a result for a paper).
    disagreements : int
        Show so many of the images on which a variant and the reference part; 0 shows none.
    layer_check_images : int
        Compare outputs and layers with the reference's on so many images, without labels; 0 turns it off.
    advice_s : float
        Where that shows an output that quantisation has hurt: seconds after which no further ignored scope is tried;
        0 tries none.
    """

    device: str = "CPU"
    limit: PositiveInt | None = None
    disagreements: ShownImages = 8
    layer_check_images: ShownImages = 8
    advice_s: SecondsFromZero = 60.0

    def of_reference(self) -> ValidationSpec:
        """Return it for the reference, which is compared with nothing: what concerns comparisons is off."""
        return self.model_copy(update={"disagreements": 0, "layer_check_images": 0})


class CodeLimitsSpec(Spec):
    """What code of the user's own may take (``limits.code`` in ``conf/config.yaml``).

    Attributes
    ----------
    load_s : float
        Seconds to execute a file (``decoder_file``, ``extension``), or to build one layer or model with it.
    image_s : float
        Seconds for one image.
    memory_gb : float
        GB (10^9 bytes) by which its process may grow while it loads a file or runs over images.
    """

    load_s: PositiveFloat = 300.0
    image_s: PositiveFloat = 60.0
    memory_gb: PositiveFloat = 1.0


class LimitsSpec(Spec):
    """What files and code of others may take (``limits`` in ``conf/config.yaml``).

    No result depends on these: what is beyond them fails, it is never left out.

    Attributes
    ----------
    image_megapixels : float
        Largest width x height of an image, as its header says, in 10^6 pixels.
    image_mb : float
        Largest file of an image, in MB (10^6 bytes).
    text_mb : float
        Largest file of annotations, lists or names, in MB.
    code : CodeLimitsSpec
        What code of the user's own may take.
    """

    image_megapixels: PositiveFloat = 180.0
    image_mb: PositiveFloat = 1000.0
    text_mb: PositiveFloat = 2000.0
    code: CodeLimitsSpec = CodeLimitsSpec()


class ExclusionSpec(CellPattern):
    """Cells to leave out: those that match all the given names. A name may hold ``*``."""


class ExperimentSpec(Spec):
    """An experiment's selection (``experiment`` in its YAML file): the names to cross, minus exclusions.

    `profile` says whether layers are profiled too, to explain the speeds. `validate_on` names those of the devices that
    accuracy is validated on besides ``validation.device``, for their own cells.
    """

    title: str = ""
    description: str = ""
    models: tuple[str, ...]
    precisions: tuple[str, ...]
    devices: tuple[str, ...]
    scenarios: tuple[str, ...]
    hosts: tuple[str, ...] = (HERE,)
    validate_on: Annotated[tuple[str, ...], Field(exclude_if=operator.not_)] = ()
    exclude: tuple[ExclusionSpec, ...] = ()
    claims: dict[str, ClaimSpec] = {}
    goals: tuple[GoalSpec, ...] = ()
    profile: bool = True

    @model_validator(mode="after")
    def _every_axis_has_distinct_names(self) -> ExperimentSpec:
        for axis, names in zip(AXES, self.axes(), strict=True):
            if not names:
                raise ValueError(f"{axis}: empty, expected at least one name")
            if twice := repeated(names):
                raise ValueError(f"{axis}: names something twice ({shortened(twice[0])})")
        return self

    @model_validator(mode="after")
    def _validates_on_own_devices(self) -> ExperimentSpec:
        for name in self.validate_on:
            if name not in self.devices:
                hint = nearest(name, self.devices)
                raise ValueError(f"validate_on: {shortened(name)} is none of the experiment's devices{hint}")
        if twice := repeated(self.validate_on):
            raise ValueError(f"validate_on: names something twice ({shortened(twice[0])})")
        return self

    @model_validator(mode="after")
    def _can_be_planned(self) -> ExperimentSpec:
        cells = math.prod(map(len, self.axes()))
        if cells > MOST_CELLS:
            raise ValueError(
                f"models: crossed with precisions, devices, scenarios and hosts {cells} cells, "
                f"expected at most {MOST_CELLS}"
            )
        if len(self.exclude) > MOST_EXCLUSIONS:
            raise ValueError(f"exclude: {len(self.exclude)} exclusions, expected at most {MOST_EXCLUSIONS}")
        return self

    def axes(self) -> tuple[tuple[str, ...], ...]:
        """Return the names of each axis, in the order of a cell's."""
        return tuple(getattr(self, axis) for axis in AXES)

    def cells(self) -> list[Cell]:
        """Cross the names, in their order, and leave out the exclusions."""
        crossed = (Cell(*names) for names in product(*self.axes()))
        return [cell for cell in crossed if not any(exclusion.matches(cell) for exclusion in self.exclude)]
