"""Two variants on the same images: the difference, whether it is real, and what these images could have shown.

Where a variant is right or wrong on each image (classification) the test is McNemar's; a metric over all images (mAP,
AP) is compared by the paired bootstrap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from ovlab.stats.bootstrap import compare_replicates
from ovlab.stats.interval import Interval
from ovlab.stats.power import (
    detectable_by_error,
    detectable_drop,
    detectable_loss,
    images_needed,
    images_needed_for_error,
)
from ovlab.stats.proportion import mcnemar, tango

DROPS = (0.001, 0.005, 0.01)
"""Drops of accuracy, as fractions, for which the number of images that would show them is given."""
SIGNIFICANT = 0.05
"""A difference counts as shown where its p-value, adjusted for the number of comparisons, is below this."""
EXACT, CHI_SQUARE, BOOTSTRAP = "McNemar, exact", "McNemar, chi-square", "paired bootstrap"


@dataclass(frozen=True)
class Comparison:
    """A variant against another one on the same images.

    Parameters
    ----------
    difference : Interval
        Candidate minus reference, a fraction.
    p_value : float
        Two-sided, not adjusted; NaN where there is none.
    test : str
        What gave the p-value.
    images : int
        Number of images.
    detectable : float
        Smallest drop that such a comparison on as many images sees in 80 % of the cases; NaN where none.
    needed : dict of float to int
        Number of images by the drop of `DROPS` that they would show in 80 % of the cases.
    gains, losses : int or None
        Number of images that only the candidate, or only the reference, got right; None for a metric over all images.
    """

    difference: Interval
    p_value: float
    test: str
    images: int
    detectable: float
    needed: dict[float, int] = field(default_factory=dict)
    gains: int | None = None
    losses: int | None = None


def compare_flags(reference: ArrayLike, candidate: ArrayLike) -> Comparison:
    """Compare two variants that are right or wrong on each image.

    Parameters
    ----------
    reference, candidate : array_like of bool, shape (images,)
        True where the variant is right; the same images in the same order.

    Returns
    -------
    Comparison
        Tango's interval, McNemar's test; what the images can show follows from the share of them on which the
        variants disagree (where this is below a drop, the drop itself is taken: fewer cannot make it).

    Raises
    ------
    OvlabError
        If the arrays are not rows of booleans of the same length.
    """
    result = mcnemar(reference, candidate)
    images, discordance = result.images, result.discordant / max(result.images, 1)
    return Comparison(
        tango(result.candidate_only, result.reference_only, images),
        result.p_value if images else math.nan,
        EXACT if result.exact else CHI_SQUARE,
        images,
        _detectable(images, discordance) if images else math.nan,
        {drop: images_needed(drop, max(discordance, drop)) for drop in DROPS} if images else {},
        result.candidate_only,
        result.reference_only,
    )


def _detectable(images: int, discordance: float) -> float:
    """Return the smallest drop that is seen; where variants disagree too rarely for one, as if they did by the drop."""
    known = detectable_drop(images, discordance)
    return known if not math.isnan(known) else detectable_loss(images)


def compare_resampled(
    reference: float,
    candidate: float,
    reference_replicates: ArrayLike,
    candidate_replicates: ArrayLike,
    images: int,
) -> Comparison:
    """Compare two variants by a metric over all images and its values on the same resamples.

    Parameters
    ----------
    reference, candidate : float
        The metric of each variant on the images as they are.
    reference_replicates, candidate_replicates : array_like, shape (resamples,)
        The metric of each variant on the same resamples in the same order.
    images : int
        Number of images.

    Returns
    -------
    Comparison
        Percentile interval and p-value of the paired bootstrap; what the images can show follows from the standard
        deviation of the resampled differences.

    Raises
    ------
    OvlabError
        If the numbers of resamples differ.
    """
    result = compare_replicates(reference, candidate, reference_replicates, candidate_replicates)
    differences = np.asarray(candidate_replicates, float) - np.asarray(reference_replicates, float)
    known = differences[~np.isnan(differences)]
    detectable, needed = math.nan, {}
    if result.difference.known:
        error = float(known.std(ddof=1))
        detectable = detectable_by_error(error)
        needed = {drop: images_needed_for_error(drop, error, images) for drop in DROPS}
    return Comparison(result.difference, result.p_value, BOOTSTRAP, images, detectable, needed)
