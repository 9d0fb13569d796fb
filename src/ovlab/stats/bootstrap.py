"""Bootstrap over images for metrics that are not a mean over images, such as mean average precision.

The images are the unit of replication: a resample draws as many images as there are, with replacement, which is a
weight for each image. A metric that takes weights (`ovlab.metrics.precision_recall.MeanAveragePrecision.mean`) is
evaluated for all resamples at once, without matching detections again. Two variants are compared on the same resamples,
so that what makes an image hard for both cancels [1]_.

Intervals are percentile intervals [2]_, chosen on simulated detectors (`benchmarks/interval_coverage.py map`): with
about fifty objects a class or more they cover the true difference of two mAPs in 92 to 97 % of the data sets, the
basic bootstrap in 86 to 96 %, the bias-corrected one in 85 to 95 %; with a dozen objects a class they cover 89 to 92
%. What no bootstrap removes: the mAP of few objects a class is too high on average (the precision envelope follows
the noise), so that an interval of the value itself covers 80 to 89 %. The difference suffers less: the excess is
common to both.

References
----------
.. [1] P. Koehn, "Statistical Significance Tests for Machine Translation Evaluation", EMNLP 2004, 388-395, section 4.
.. [2] B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall 1993, chapter 13.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ovlab.errors import OvlabError
from ovlab.stats.interval import LEVEL, Interval, check_level

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

RESAMPLES = 2000
"""Default number of resamples: the bounds then wobble by about 4 % of the interval's width from seed to seed."""

WeightedMetric = Callable[[IntArray], FloatArray]
"""From weights, shape (images, resamples), to values, shape (resamples,)."""


@dataclass(frozen=True, slots=True)
class PairedBootstrap:
    """Difference of a metric between two variants on the same images.

    Parameters
    ----------
    difference : Interval
        Candidate minus reference.
    p_value : float
        Two-sided: twice the smaller share of resamples on one side of no difference, at least ``2 / (resamples + 1)``.
        NaN if there is no interval.
    resamples : int
        Number of resamples in which both variants have a value.
    """

    difference: Interval
    p_value: float
    resamples: int


def resample_images(images: int, rng: np.random.Generator, resamples: int = RESAMPLES) -> IntArray:
    """Draw resamples of images as weights.

    Parameters
    ----------
    images : int
        Number of images.
    rng : numpy.random.Generator
        Source of randomness; equal state and arguments give equal weights, so values of variants that were
        evaluated in different processes from the same seed are paired.
    resamples : int, default 2000
        Number of resamples.

    Returns
    -------
    ndarray of int, shape (images, resamples)
        How often each image is in each resample; every column adds up to `images`.

    Raises
    ------
    OvlabError
        If `images` or `resamples` is below 1.
    """
    if images < 1 or resamples < 1:
        raise OvlabError(f"{resamples} resamples of {images} images: expected at least one of each")
    return rng.multinomial(images, np.full(images, 1 / images), size=resamples).T


def percentile_interval(value: float, replicates: ArrayLike, *, level: float = LEVEL) -> Interval:
    """Percentile interval from a metric's values on resamples.

    Parameters
    ----------
    value : float
        The metric on the images as they are.
    replicates : array_like, shape (resamples,)
        The metric on the resamples; NaN (no object in the resample) is left out.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    Interval
        Stretched to hold `value` where a skewed distribution would leave it outside; without bounds if `value` is NaN
        or fewer than two replicates remain. All resamples alike give equal bounds: a bootstrap knows nothing beyond
        its images.
    """
    check_level(level)
    present = _present(replicates)
    if np.isnan(value) or present.size < 2:
        return Interval.unknown(value, level)
    low, high = (float(bound) for bound in np.quantile(present, [0.5 - level / 2, 0.5 + level / 2]))
    return Interval(value, min(low, value), max(high, value), level)


def bootstrap(
    metric: WeightedMetric, images: int, rng: np.random.Generator, *, resamples: int = RESAMPLES, level: float = LEVEL
) -> Interval:
    """Metric of one variant with its interval.

    Parameters
    ----------
    metric : callable
        From weights of shape (images, resamples) to values of shape (resamples,).
    images : int
        Number of images.
    rng : numpy.random.Generator
        Source of randomness.
    resamples : int, default 2000
        Number of resamples.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    Interval
        In the metric's unit; without bounds for a single image.
    """
    value = _as_is(metric, images)
    if images == 1:
        return Interval.unknown(value, level)
    return percentile_interval(value, metric(resample_images(images, rng, resamples)), level=level)


def paired_bootstrap(
    reference: WeightedMetric,
    candidate: WeightedMetric,
    images: int,
    rng: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> PairedBootstrap:
    """Difference of a metric between two variants on the same images.

    Parameters
    ----------
    reference, candidate : callable
        From weights of shape (images, resamples) to values of shape (resamples,), the same images in the same order.
    images : int
        Number of images.
    rng : numpy.random.Generator
        Source of randomness.
    resamples : int, default 2000
        Number of resamples.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    PairedBootstrap
        Candidate minus reference with interval and p-value.
    """
    values = (_as_is(reference, images), _as_is(candidate, images))
    weights = resample_images(images, rng, resamples)
    if images == 1:
        return PairedBootstrap(Interval.unknown(values[1] - values[0], level), np.nan, 0)
    return compare_replicates(*values, reference(weights), candidate(weights), level=level)


def compare_replicates(
    reference: float,
    candidate: float,
    reference_replicates: ArrayLike,
    candidate_replicates: ArrayLike,
    *,
    level: float = LEVEL,
) -> PairedBootstrap:
    """Compare two variants by values on the same resamples that were computed before.

    Parameters
    ----------
    reference, candidate : float
        The metric of each variant on the images as they are.
    reference_replicates, candidate_replicates : array_like, shape (resamples,)
        The metric of each variant on the same resamples in the same order; NaN where it has no value.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    PairedBootstrap
        Candidate minus reference with interval and p-value.

    Raises
    ------
    OvlabError
        If the numbers of resamples differ.
    """
    first, second = np.asarray(reference_replicates, float), np.asarray(candidate_replicates, float)
    if first.shape != second.shape:
        raise OvlabError(f"{first.size} resamples of the reference and {second.size} of the candidate: not the same")
    differences = _present(second - first)
    difference = percentile_interval(candidate - reference, differences, level=level)
    p_value = np.nan
    if difference.known:
        # One is added on each side: the images as they are count as a resample, so that p is never 0.
        smaller = min(int((differences <= 0).sum()), int((differences >= 0).sum())) + 1
        p_value = min(1.0, 2 * smaller / (differences.size + 1))
    return PairedBootstrap(difference, p_value, differences.size)


def _as_is(metric: WeightedMetric, images: int) -> float:
    return float(metric(np.ones((images, 1), dtype=np.int64))[0])


def _present(replicates: ArrayLike) -> FloatArray:
    array = np.asarray(replicates, dtype=np.float64)
    if array.ndim != 1:
        raise OvlabError(f"replicates have shape {array.shape}, expected one value a resample")
    return array[~np.isnan(array)]
