"""Proportions: how sure an accuracy is, and whether two variants on the same images really differ.

All arrays of outcomes are one flag an image: True where the variant is right.

References
----------
.. [1] E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927) 209-212.
.. [2] T. Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
   design", Statistics in Medicine 17 (1998) 891-908.
.. [3] R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions based on paired
   data", Statistics in Medicine 17 (1998) 2635-2650.
.. [4] Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
   Psychometrika 12 (1947) 153-157; continuity correction of A. L. Edwards, Psychometrika 13 (1948) 185-187.
.. [5] S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979)
   65-70.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ovlab.errors import OvlabError
from ovlab.stats.interval import LEVEL, Interval, check_level, level_quantile

EXACT_BELOW = 25
"""McNemar's test is the exact binomial one when the two variants disagree on fewer images than this."""


@dataclass(frozen=True, slots=True)
class McNemar:
    """McNemar's test of two variants on the same images.

    Parameters
    ----------
    p_value : float
        Two-sided probability of a split at least this uneven if both variants were equally good.
    both, reference_only, candidate_only, neither : int
        Number of images that both variants, only the reference, only the candidate or none got right.
    exact : bool
        Whether `p_value` is the exact binomial one (the variants disagree on fewer than 25 images) rather than the
        chi-square with continuity correction.
    """

    p_value: float
    both: int
    reference_only: int
    candidate_only: int
    neither: int
    exact: bool

    @property
    def discordant(self) -> int:
        """Number of images that exactly one of the two variants got right."""
        return self.reference_only + self.candidate_only

    @property
    def images(self) -> int:
        """Number of images."""
        return self.both + self.discordant + self.neither


def wilson(successes: int, trials: int, *, level: float = LEVEL) -> Interval:
    """Wilson's score interval of a proportion [1]_.

    Parameters
    ----------
    successes : int
        Number of successes.
    trials : int
        Number of trials.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    Interval
        The proportion in 0..1; without value and bounds for no trials.

    Raises
    ------
    OvlabError
        If `successes` is not between 0 and `trials`.
    """
    check_level(level)
    if not 0 <= successes <= trials:
        raise OvlabError(f"{successes} successes in {trials} trials: expected 0 <= successes <= trials")
    if trials == 0:
        return Interval.unknown(level=level)
    z = level_quantile(level)
    p = successes / trials
    scale = 1 + z * z / trials
    centre = (p + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    # At 0 and at 1 the formula meets the value exactly; rounding must not push the bound past it.
    return Interval(p, max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half)), level)


def accuracy(correct: ArrayLike, *, level: float = LEVEL) -> Interval:
    """Accuracy of one variant with Wilson's interval.

    Parameters
    ----------
    correct : array_like of bool, shape (images,)
        True where the variant is right.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    Interval
        Fraction of right images.

    Raises
    ------
    OvlabError
        If `correct` is not a row of booleans (or of 0 and 1).
    """
    flags = _flags(correct, "correct")
    return wilson(int(flags.sum()), flags.size, level=level)


def paired_difference(reference: ArrayLike, candidate: ArrayLike, *, level: float = LEVEL) -> Interval:
    """Difference of accuracy of two variants on the same images, with Tango's score interval [2]_.

    The interval is the set of differences that the score test does not refuse. Chosen among the intervals for paired
    proportions by simulation (`benchmarks/interval_coverage.py paired`): where the variants are expected to disagree on
    five or more images it covers 94.2 to 95.9 %, Newcombe's method 10 [3]_ 93.7 to 97.8 %, Wald's 93.3 to 95.9 %; with
    fewer it errs on the wide side.

    Parameters
    ----------
    reference, candidate : array_like of bool, shape (images,)
        True where the variant is right; the same images in the same order.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    Interval
        Accuracy of the candidate minus accuracy of the reference, in -1..1; without value and bounds for no image.

    Raises
    ------
    OvlabError
        If the arrays are not rows of booleans of the same length.
    """
    check_level(level)
    ref, cand = _paired_flags(reference, candidate)
    return tango(int((cand & ~ref).sum()), int((ref & ~cand).sum()), ref.size, level=level)


def tango(gains: int, losses: int, images: int, *, level: float = LEVEL) -> Interval:
    """Tango's score interval of a paired difference from its counts [2]_.

    For a supposed difference `d` the statistic is ``(gains - losses - n d) / sqrt(n (2 q(d) + d (1 - d)))`` where
    ``q(d)`` is the maximum likelihood estimate of the share of losses under `d`; the bounds are where it equals the
    normal quantiles.

    Parameters
    ----------
    gains, losses : int
        Number of images that only the candidate, or only the reference, got right.
    images : int
        Number of images in all.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    Interval
        ``(gains - losses) / images`` and its bounds.

    Raises
    ------
    OvlabError
        If the counts are negative or exceed `images`.
    """
    check_level(level)
    if min(gains, losses) < 0 or gains + losses > images:
        raise OvlabError(f"{gains} gains and {losses} losses do not fit {images} images")
    if images == 0:
        return Interval.unknown(level=level)
    z = level_quantile(level)
    value = (gains - losses) / images

    def excess(difference: float, target: float) -> float:
        # The statistic minus its target, times the standard error: no division where the variance vanishes.
        a = 2 * images
        b = (2 * images - gains + losses) * difference - gains - losses
        c = -losses * difference * (1 - difference)
        q = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
        variance = images * max(2 * q + difference * (1 - difference), 0.0)
        return gains - losses - images * difference - target * math.sqrt(variance)

    # Start beside the value: where the variants agree everywhere the variance at the value itself is 0, a false root.
    step = 1e-9
    from scipy.optimize import brentq  # half a second that only this needs

    low = -1.0 if value == -1 else float(brentq(excess, -1.0, value - step, args=(z,), xtol=1e-12))
    high = 1.0 if value == 1 else float(brentq(excess, value + step, 1.0, args=(-z,), xtol=1e-12))
    return Interval(value, low, high, level)


def mcnemar(reference: ArrayLike, candidate: ArrayLike) -> McNemar:
    """Test whether two variants are equally good on the same images [4]_.

    Parameters
    ----------
    reference, candidate : array_like of bool, shape (images,)
        True where the variant is right; the same images in the same order.

    Returns
    -------
    McNemar
        Counts and p-value: exact binomial where the variants disagree on fewer than 25 images, else
        ``(max(|gains - losses| - 1, 0))^2 / (gains + losses)`` against the chi-square with one degree of freedom.

    Raises
    ------
    OvlabError
        If the arrays are not rows of booleans of the same length.
    """
    ref, cand = _paired_flags(reference, candidate)
    losses, gains = int((ref & ~cand).sum()), int((cand & ~ref).sum())
    discordant = losses + gains
    exact = discordant < EXACT_BELOW
    if discordant == 0:
        p_value = 1.0
    elif exact:
        p_value = float(exact_mcnemar([gains], [losses])[0])
    else:
        # The chi-square with one degree of freedom is a squared normal: its upper tail is an error function.
        p_value = math.erfc(max(abs(losses - gains) - 1, 0) / math.sqrt(2 * discordant))
    return McNemar(p_value, int((ref & cand).sum()), losses, gains, int((~ref & ~cand).sum()), exact)


def exact_mcnemar(gains: ArrayLike, losses: ArrayLike) -> NDArray[np.float64]:
    """Exact p-values of McNemar's test from counts [4]_: two-sided binomial with probability one half.

    Parameters
    ----------
    gains, losses : array_like of int, shape (tests,)
        Number of images that only the candidate, or only the reference, got right.

    Returns
    -------
    ndarray, shape (tests,)
        Twice the smaller tail, at most 1; 1 where the variants agree everywhere.
    """
    from scipy.special import bdtr  # a sixth of a second that only this needs

    first, second = np.asarray(gains, dtype=np.int64), np.asarray(losses, dtype=np.int64)
    tail = bdtr(np.minimum(first, second), first + second, 0.5)
    return np.asarray(np.minimum(2 * tail, 1.0), dtype=np.float64)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values for the number of comparisons by Holm's step-down method [5]_.

    Parameters
    ----------
    p_values : array_like, shape (comparisons,)
        p-values; a NaN (no test was possible) stays NaN and is not counted.

    Returns
    -------
    ndarray, shape (comparisons,)
        Adjusted p-values in the order of the input: below 0.05 where the family-wise error at 5 % is kept.

    Raises
    ------
    OvlabError
        If the input is not one-dimensional or a p-value lies outside 0..1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1:
        raise OvlabError(f"p-values have shape {p.shape}, expected one dimension")
    if np.any((p < 0) | (p > 1)):
        raise OvlabError("p-values outside 0..1")
    adjusted = np.full_like(p, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return adjusted


def agreement(reference: ArrayLike, candidate: ArrayLike, *, level: float = LEVEL) -> Interval:
    """Share of images on which two variants predict the same class, right or wrong.

    Parameters
    ----------
    reference, candidate : array_like of int, shape (images,)
        Predicted classes; the same images in the same order.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    Interval
        Fraction with Wilson's interval.

    Raises
    ------
    OvlabError
        If the arrays are not one-dimensional and of the same length.
    """
    ref, cand = np.asarray(reference), np.asarray(candidate)
    _check_pair(ref, cand)
    return wilson(int((ref == cand).sum()), ref.size, level=level)


def _flags(values: ArrayLike, name: str) -> NDArray[np.bool_]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise OvlabError(f"{name} has shape {array.shape}, expected one flag an image")
    flags = array.astype(np.bool_)
    if not np.array_equal(flags, array):
        raise OvlabError(f"{name} holds other values than True and False (or 1 and 0)")
    return flags


def _paired_flags(reference: ArrayLike, candidate: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    ref, cand = _flags(reference, "reference"), _flags(candidate, "candidate")
    _check_pair(ref, cand)
    return ref, cand


def _check_pair(reference: NDArray[Any], candidate: NDArray[Any]) -> None:
    if reference.ndim != 1 or reference.shape != candidate.shape:
        raise OvlabError(
            f"reference has shape {reference.shape} and candidate {candidate.shape}: expected the same images"
        )
