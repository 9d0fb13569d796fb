"""Huber's estimate of location with an interval that is exact for small normal samples.

Launches of one program scatter a little, and a few of them are slow for their whole life. The mean is then ruled by the
few, the median wastes the many. Huber's M-estimate [1]_ is the mean for values near the centre and bounds the pull of
the others; no value is thrown away.

References
----------
.. [1] P. J. Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35 (1964) 73-101.
.. [2] P. J. Huber and E. M. Ronchetti, "Robust Statistics", 2nd ed., Wiley 2009, chapters 3 and 6.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from ovlab.errors import OvlabError
from ovlab.stats.interval import LEVEL

FloatArray = NDArray[np.float64]


MAD_TO_SIGMA = 1.482602218505602
"""Standard deviation of a normal distribution over its median absolute deviation, ``1 / norm.ppf(3 / 4)``."""

MEAN_DEVIATION_TO_SIGMA = 1.2533141373155003
"""Standard deviation of a normal distribution over its mean absolute deviation, ``sqrt(pi / 2)``."""


# Quantiles of |location| / standard error for 2, 3, ... 30 values of a normal distribution, simulated with 2 million
# samples up to 7 values and 600,000 from 8 on (`benchmarks/interval_coverage.py critical` makes them anew). The first
# is Student's t with one degree of freedom, which the estimate is for two values.
# fmt: off
CRITICAL: dict[float, tuple[float, ...]] = {
    0.90: (6.314, 4.099, 2.600, 2.386, 2.161, 2.086, 1.992, 1.957, 1.918, 1.892, 1.863, 1.851, 1.835, 1.822, 1.807,
           1.800, 1.791, 1.782, 1.772, 1.771, 1.763, 1.756, 1.751, 1.748, 1.743, 1.739, 1.734, 1.733, 1.726),
    0.95: (12.706, 7.220, 3.653, 3.251, 2.820, 2.688, 2.528, 2.463, 2.392, 2.355, 2.304, 2.283, 2.253, 2.235, 2.211,
           2.201, 2.189, 2.171, 2.155, 2.151, 2.140, 2.134, 2.122, 2.119, 2.111, 2.108, 2.099, 2.096, 2.083),
    0.99: (63.657, 30.521, 7.655, 6.355, 4.768, 4.381, 3.919, 3.761, 3.550, 3.452, 3.340, 3.285, 3.207, 3.174, 3.120,
           3.089, 3.049, 3.021, 2.977, 2.977, 2.951, 2.928, 2.923, 2.911, 2.891, 2.882, 2.858, 2.852, 2.841),
}
# fmt: on

# Beyond the table the quantile is Student's, widened by 1 + a / n: the simulated a at 40 and 60 values.
_WIDENING = {0.90: 0.58, 0.95: 0.70, 0.99: 1.05}
_ITERATIONS, _CONVERGED = 60, 1e-12


def tuning(n: int) -> float:
    """Return where Huber's function bends for `n` values, in robust standard deviations.

    1.3 for many values (94 % efficiency for normal data). For few, the robust scale is itself so uncertain that an
    early bend costs more width than a slow launch would: 3.0 for three values, 2.3 for five.

    Parameters
    ----------
    n : int
        Number of values, at least 1.

    Returns
    -------
    float
        ``1.3 + 5 / n``.
    """
    return 1.3 + 5 / n


def huber(x: ArrayLike, bend: float | None = None) -> tuple[FloatArray, FloatArray]:
    """Huber's M-estimate of location and its standard error along the last axis.

    The scale is the normalised median absolute deviation, kept fixed; where that is 0 (ties), the normalised mean
    absolute deviation about the median. The standard error is the asymptotic one, ``scale * sqrt(sum(psi^2) / (n (n -
    1))) / mean(psi')`` ([2]_, section 6.3); `critical_value` makes up for small `n`.

    Parameters
    ----------
    x : array_like, shape (..., n)
        Finite values, at least two along the last axis.
    bend : float, optional
        Where Huber's function bends, in robust standard deviations. Default: ``tuning(n)``, for which `critical_value`
        holds.

    Returns
    -------
    location, standard_error : ndarray, shape (...)
        In the unit of `x`. The standard error is 0 only where all values are equal.

    Raises
    ------
    OvlabError
        If there are fewer than two values or one is not finite.
    """
    values = np.asarray(x, dtype=np.float64)
    if values.ndim == 0 or values.shape[-1] < 2:
        raise OvlabError(f"values of shape {values.shape}: an estimate with a standard error needs at least two")
    if not np.isfinite(values).all():
        raise OvlabError("values are not all finite")
    n = values.shape[-1]
    location = _median(values)
    deviations = np.abs(values - location)
    scale = MAD_TO_SIGMA * _median(deviations)
    scale = np.where(scale > 0, scale, MEAN_DEVIATION_TO_SIGMA * deviations.mean(axis=-1, keepdims=True))
    unit = np.where(scale > 0, scale, 1.0)
    bend = tuning(n) if bend is None else bend
    # psi is non-decreasing with slope 1 for at least half of the values: each step at least halves the distance.
    for _ in range(_ITERATIONS):
        pull = np.add.reduce(_psi((values - location) / unit, bend), axis=-1, keepdims=True) / n
        location = location + unit * pull
        if np.abs(pull).max() < _CONVERGED:
            break
    residuals = (values - location) / unit
    psi = _psi(residuals, bend)
    slope = np.maximum((np.abs(residuals) < bend).mean(axis=-1), 1 / n)
    error = scale[..., 0] * np.sqrt((psi**2).sum(axis=-1) / (n * (n - 1))) / slope
    return location[..., 0], error


# Most of what is estimated is a few launches, again and again: NumPy's own median, clip and mean would spend most of
# the time on looking at their arguments.


def _median(values: FloatArray) -> FloatArray:
    ordered = np.sort(values, axis=-1)
    n = values.shape[-1]
    middle: FloatArray = (ordered[..., (n - 1) // 2, None] + ordered[..., n // 2, None]) / 2
    return middle


def _psi(residuals: FloatArray, bend: float) -> FloatArray:
    return np.minimum(np.maximum(residuals, -bend), bend)


def critical_value(n: int, level: float = LEVEL) -> float:
    """Factor on the standard error of `huber` that gives an interval of the level asked for.

    Parameters
    ----------
    n : int
        Number of values, at least 2.
    level : {0.90, 0.95, 0.99}, default 0.95
        Confidence level.

    Returns
    -------
    float
        Quantile of ``|location - truth| / standard_error`` for `n` values of a normal distribution.

    Raises
    ------
    OvlabError
        If `n` is below 2 or `level` is not tabulated.
    """
    if n < 2:
        raise OvlabError(f"{n} values: an interval needs at least two")
    if level not in CRITICAL:
        raise OvlabError(f"confidence level is {level}, tabulated are {', '.join(str(known) for known in CRITICAL)}")
    table = CRITICAL[level]
    if n - 2 < len(table):
        return table[n - 2]
    return float(stdtrit(n - 1, 0.5 + level / 2)) * (1 + _WIDENING[level] / n)
