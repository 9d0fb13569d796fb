"""Intervals of benchmark results: launches are the unit of replication, iterations inside one are not.

A launch is a fresh process. Its samples share what that process happened to get (memory layout, placement, neighbours),
so a thousand more of them say nothing about the next launch [1]_. Each launch therefore gives one number (a median
latency, a throughput) and the interval comes from the numbers of the launches: Huber's M-estimate of their logarithms,
since effects on speed are factors, with critical values exact for few normal values (`ovlab.stats.robust`). A ratio of
two variants is formed inside each round first, so that what hits the whole round cancels.

Chosen among bootstraps and Student's t by simulation: `benchmarks/interval_coverage.py` prints coverage and width.

References
----------
.. [1] T. Kalibera and R. Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013, 63-74.
.. [2] S. R. Searle, G. Casella and C. E. McCulloch, "Variance Components", Wiley 1992, chapter 3.
.. [3] J. M. Flegal and G. L. Jones, "Batch means and spectral variance estimators in Markov chain Monte Carlo", Annals
   of Statistics 38 (2010) 1034-1070.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ovlab.errors import OvlabError
from ovlab.stats.interval import LEVEL, Interval, check_level
from ovlab.stats.robust import critical_value, huber

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LaunchSpread:
    """How much a variant's samples vary from launch to launch, and inside a launch.

    Parameters
    ----------
    launches : int
        Number of launches.
    samples : int
        Number of samples in all launches.
    between : float
        Coefficient of variation (a fraction) of the launches' true means: what remains of their spread after what the
        samples inside explain. NaN for one launch, 0 where the samples explain it all.
    within : float
        Coefficient of variation (a fraction) of the samples inside a launch. NaN if no launch has two samples.
    slowest_over_best : float
        Largest over smallest median of a launch; 1 for one launch.
    """

    launches: int
    samples: int
    between: float
    within: float
    slowest_over_best: float


def launch_interval(values: ArrayLike, *, level: float = LEVEL) -> Interval:
    """Typical value of one variant over its launches, with its interval.

    Parameters
    ----------
    values : array_like, shape (launches,)
        One positive number a launch: its median latency, its 99th percentile, its throughput. NaN (a launch that
        failed) is left out.
    level : {0.90, 0.95, 0.99}, default 0.95
        Confidence level.

    Returns
    -------
    Interval
        ``exp`` of Huber's M-estimate of ``log(values)``, in the unit of `values`. Without bounds for fewer than two
        launches, or if all are exactly equal; without value for none.

    Raises
    ------
    OvlabError
        If `values` is not one-dimensional or a value is not positive and finite.
    """
    return _log_interval(_logs(values, "values"), level)


def ratio_interval(numerator: ArrayLike, denominator: ArrayLike, *, level: float = LEVEL) -> Interval:
    """Typical ratio of two variants that ran in the same rounds, with its interval.

    For a speed-up by throughput give ``(candidate, reference)``, by latency ``(reference, candidate)``. There is no
    difference at this level if the interval contains 1.

    Parameters
    ----------
    numerator, denominator : array_like, shape (rounds,)
        One positive number a round: the variant's value in the launch of that round. A round in which either is NaN is
        left out.
    level : {0.90, 0.95, 0.99}, default 0.95
        Confidence level.

    Returns
    -------
    Interval
        ``exp`` of Huber's M-estimate of the logarithms of the rounds' ratios. Swapping the arguments gives exactly the
        reciprocal. Without bounds for fewer than two rounds, or if all ratios are exactly equal; without value for
        none.

    Raises
    ------
    OvlabError
        If the arrays do not have the same length or a value is not positive and finite.
    """
    top, bottom = _logs(numerator, "numerator"), _logs(denominator, "denominator")
    if top.shape != bottom.shape:
        raise OvlabError(f"{top.size} rounds in the numerator and {bottom.size} in the denominator: expected the same")
    return _log_interval(top - bottom, level)


def settled(numerator: ArrayLike, denominator: ArrayLike, half_width: float, *, level: float = LEVEL) -> bool:
    """Say whether a session may stop: the ratio's interval is narrow, and was so one round ago.

    Stopping at the first narrow interval favours rounds that happen to agree, so that the interval covers less than it
    says: simulated from five launches on, 90.9 to 96.5 % for 95 %. Asking twice wins up to a point and a half of it
    back (91.8 to 96.4 %) for one or two more rounds (`benchmarks/interval_coverage.py stopping`).

    Parameters
    ----------
    numerator, denominator : array_like, shape (rounds,)
        As for `ratio_interval`.
    half_width : float
        Largest half-width of the interval as a fraction of the ratio: 0.02 for plus or minus 2 %.
    level : {0.90, 0.95, 0.99}, default 0.95
        Confidence level.

    Returns
    -------
    bool
        Whether ``relative_half_width`` is at most `half_width` with all rounds and without the last. False where
        either interval has no bounds.

    Raises
    ------
    OvlabError
        As for `ratio_interval`.
    """
    top, bottom = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    now = ratio_interval(top, bottom, level=level)
    before = ratio_interval(top[:-1], bottom[:-1], level=level)
    return now.relative_half_width <= half_width and before.relative_half_width <= half_width


def launch_spread(samples: Sequence[ArrayLike]) -> LaunchSpread:
    """Take a variant's spread apart: between its launches and inside them.

    One-way random effects by moments ([2]_, section 3.6). What the samples inside contribute to the variance of a
    launch's mean is estimated from means of batches of ``sqrt(m)`` successive samples [3]_, since successive latencies
    are correlated.

    Parameters
    ----------
    samples : sequence of array_like, each of shape (m,)
        Positive latencies of each launch in the order in which they were taken, in any one unit; lengths may differ.

    Returns
    -------
    LaunchSpread
        Number of launches and samples, and the two coefficients of variation.

    Raises
    ------
    OvlabError
        If there is no launch, a launch has no sample, or a sample is not positive and finite.
    """
    launches = [np.asarray(one, dtype=np.float64) for one in samples]
    if not launches:
        raise OvlabError("no launch to take the spread of")
    for number, one in enumerate(launches):
        if one.ndim != 1 or one.size == 0 or not (np.isfinite(one) & (one > 0)).all():
            raise OvlabError(f"launch {number}: expected one or more positive, finite samples in one dimension")
    means = np.array([one.mean() for one in launches])
    medians = np.array([np.median(one) for one in launches])
    variances = [one.var(ddof=1) for one in launches if one.size > 1]
    centre = float(means.mean())
    between = math.nan
    if means.size > 1:
        inside = float(np.mean([_variance_of_mean(one) for one in launches]))
        between = math.sqrt(max(float(means.var(ddof=1)) - inside, 0.0)) / centre
    return LaunchSpread(
        launches=len(launches),
        samples=sum(one.size for one in launches),
        between=between,
        within=math.sqrt(float(np.mean(variances))) / centre if variances else math.nan,
        slowest_over_best=float(medians.max() / medians.min()),
    )


def _logs(values: ArrayLike, name: str) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise OvlabError(f"{name} has shape {array.shape}, expected one number a launch")
    present = array[~np.isnan(array)]
    if not (np.isfinite(present) & (present > 0)).all():
        raise OvlabError(f"{name}: a launch's value must be positive and finite, or NaN for a launch that failed")
    return np.log(array)


def _log_interval(logs: FloatArray, level: float) -> Interval:
    check_level(level)
    present = logs[~np.isnan(logs)]
    if present.size == 0:
        return Interval.unknown(level=level)
    if present.size == 1:
        return Interval.unknown(float(np.exp(present[0])), level)
    centre, error = (float(x) for x in huber(present))
    if error == 0:
        return Interval.unknown(math.exp(centre), level)
    half = critical_value(present.size, level) * error
    return Interval(math.exp(centre), math.exp(centre - half), math.exp(centre + half), level)


def _variance_of_mean(samples: FloatArray) -> float:
    size = math.isqrt(samples.size)
    batches = samples.size // size
    if batches < 2:
        return 0.0
    means = samples[: size * batches].reshape(batches, size).mean(axis=1)
    return float(means.var(ddof=1)) / batches
