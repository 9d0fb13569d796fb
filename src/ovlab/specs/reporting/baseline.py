"""An earlier run that a report compares with."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ovlab.specs.base import Spec

Margin = Annotated[float, Field(ge=0, lt=1)]


class BaselineSpec(Spec):
    """What results are compared with, and what counts as a regression (``baseline`` in ``conf/config.yaml``).

    Attributes
    ----------
    results : str, optional
        Folder of earlier results, which holds ``EXPERIMENT/report``; by default none.
    speed_margin : float
        Throughput that counts as unchanged, as a fraction: sessions apart in time differ by a few per cent.
    accuracy_margin : float
        Accuracy that counts as unchanged, as a fraction (0.001: a tenth of a point).
    fail : bool
        Whether a regression makes the run end with an exit code that is not 0.
    """

    results: str | None = None
    speed_margin: Margin = 0.05
    accuracy_margin: Margin = 0.0
    fail: bool = False
