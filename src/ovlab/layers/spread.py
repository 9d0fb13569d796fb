"""Numbers with the uncertainty of repeated launches, in such a way that parts still add up to their sum."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from ovlab.records import Quantity
from ovlab.stats.interval import LEVEL


def spread(value: float, repeats: ArrayLike, unit: str, least: float = -math.inf, most: float = math.inf) -> Quantity:
    """Give a number the 95 % interval of its repeats.

    Student's t around the number itself. The number is computed from the launches' medians, so that parts add up to
    their sum, and may differ from the mean of its repeats.

    Parameters
    ----------
    value : float
        The number.
    repeats : array_like, shape (launches,)
        What each launch alone gives.
    unit : str
        Of all of them.
    least, most : float
        What it cannot be beyond: its bounds end there.
    """
    found = np.asarray(repeats, dtype=np.float64)
    if found.size < 2 or not np.isfinite(found).all():
        return Quantity(value, unit)
    error = float(np.std(found, ddof=1)) / math.sqrt(found.size)
    half = float(stats.t.ppf(0.5 + LEVEL / 2, found.size - 1)) * error
    return Quantity(value, unit, max(least, value - half), min(most, value + half))
