"""How many images a paired comparison needs, and what it can see with those it has.

References
----------
.. [1] R. J. Connor, "Sample size for testing differences in proportions for the paired-sample design", Biometrics 43
   (1987) 207-211.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from ovlab.errors import OvlabError
from ovlab.stats.interval import LEVEL, level_quantile


def images_needed(drop: float, discordance: float, *, power: float = 0.8, level: float = LEVEL) -> int:
    """Return how many images are needed to see a drop of a given size with a paired test [1]_.

    ``n = (z_(1-alpha/2) sqrt(D) + z_power sqrt(D - d^2))^2 / d^2`` for a drop `d` and discordance `D`.

    Parameters
    ----------
    drop : float
        Difference of accuracy to see, a fraction; the sign does not matter.
    discordance : float
        Expected share of images that exactly one of the variants gets right: at least ``|drop|``.
    power : float, default 0.8
        Probability of seeing the drop.
    level : float, default 0.95
        One minus the two-sided significance level.

    Returns
    -------
    int
        Number of images, rounded up.

    Raises
    ------
    OvlabError
        If `drop` is 0, `discordance` is not in ``|drop|``..1, or `power` is not between 0.5 and 1.
    """
    if not (size := abs(drop)) > 0:
        raise OvlabError(f"drop is {drop}: no number of images shows a difference of nothing")
    if not size <= discordance <= 1:
        raise OvlabError(f"discordance is {discordance}, expected {size} (the drop itself) to 1")
    z_level, z_power = level_quantile(level), _power_quantile(power)
    root = z_level * math.sqrt(discordance) + z_power * math.sqrt(discordance - size * size)
    return math.ceil((root / size) ** 2)


def detectable_drop(images: int, discordance: float, *, power: float = 0.8, level: float = LEVEL) -> float:
    """Find the smallest drop that a paired test on this many images sees; the inverse of `images_needed`.

    Parameters
    ----------
    images : int
        Number of images.
    discordance : float
        Share of images that exactly one of the variants gets right, in 0..1.
    power : float, default 0.8
        Probability of seeing the drop.
    level : float, default 0.95
        One minus the two-sided significance level.

    Returns
    -------
    float
        Difference of accuracy as a fraction; NaN if not even a drop as large as `discordance` would be seen.

    Raises
    ------
    OvlabError
        If `images` is below 1 or the other values are out of their range.
    """
    if images < 1:
        raise OvlabError(f"images is {images}, expected at least 1")
    if not 0 <= discordance <= 1:
        raise OvlabError(f"discordance is {discordance}, expected a fraction from 0 to 1")
    z_level, z_power = level_quantile(level), _power_quantile(power)

    def shortfall(drop: float) -> float:
        root = z_level * math.sqrt(discordance) + z_power * math.sqrt(max(discordance - drop * drop, 0.0))
        return root - drop * math.sqrt(images)

    if discordance == 0 or shortfall(discordance) > 0:
        return math.nan
    from scipy.optimize import brentq  # half a second that only this needs

    return float(brentq(shortfall, 0.0, discordance, xtol=1e-12))


def detectable_loss(images: int, *, power: float = 0.8, level: float = LEVEL) -> float:
    """Find the smallest drop that a paired test sees if every image on which the variants disagree is a loss.

    The inverse of `images_needed` with a discordance equal to the drop: the least that can make it.

    Parameters
    ----------
    images : int
        Number of images.
    power : float, default 0.8
        Probability of seeing the drop.
    level : float, default 0.95
        One minus the two-sided significance level.

    Returns
    -------
    float
        Difference of accuracy as a fraction; NaN if not even a drop of 1 would be seen.
    """
    z_level, z_power = level_quantile(level), _power_quantile(power)
    if images <= z_level**2:
        return math.nan

    def excess(drop: float) -> float:
        return math.sqrt(images * drop) - z_level - z_power * math.sqrt(1 - drop)

    from scipy.optimize import brentq  # half a second that only this needs

    return float(brentq(excess, 0.0, 1.0, xtol=1e-12))


def images_needed_for_error(drop: float, error: float, images: int, *, power: float = 0.8, level: float = LEVEL) -> int:
    """Return how many images are needed to see a drop of a metric whose standard error is known on some images.

    ``n = images (z_(1-alpha/2) + z_power)^2 error^2 / drop^2``: the standard error of a mean over images shrinks with
    the root of their number, and so nearly does that of a paired difference of mAP or AP.

    Parameters
    ----------
    drop : float
        Difference to see, a fraction; the sign does not matter.
    error : float
        Standard error of the paired difference on `images` images, a fraction.
    images : int
        Number of images that `error` belongs to.
    power : float, default 0.8
        Probability of seeing the drop.
    level : float, default 0.95
        One minus the two-sided significance level.

    Returns
    -------
    int
        Number of images, rounded up; at least 1.

    Raises
    ------
    OvlabError
        If `drop` is 0, `error` is negative, `images` is below 1, or `power` is not between 0.5 and 1.
    """
    if not abs(drop) > 0:
        raise OvlabError(f"drop is {drop}: no number of images shows a difference of nothing")
    ratio = detectable_by_error(error, power=power, level=level) / abs(drop)
    if images < 1:
        raise OvlabError(f"images is {images}, expected at least 1")
    return max(1, math.ceil(images * ratio * ratio))


def detectable_by_error(error: float, *, power: float = 0.8, level: float = LEVEL) -> float:
    """Find the smallest drop that a paired comparison with this standard error sees.

    Parameters
    ----------
    error : float
        Standard error of the paired difference, a fraction.
    power : float, default 0.8
        Probability of seeing the drop.
    level : float, default 0.95
        One minus the two-sided significance level.

    Returns
    -------
    float
        ``(z_(1-alpha/2) + z_power) error``, a fraction.

    Raises
    ------
    OvlabError
        If `error` is negative or `power` is not between 0.5 and 1.
    """
    if not error >= 0:
        raise OvlabError(f"error is {error}, expected a standard error of 0 or more")
    return (level_quantile(level) + _power_quantile(power)) * error


def _power_quantile(power: float) -> float:
    if not 0.5 <= power < 1:
        raise OvlabError(f"power is {power}, expected a fraction from 0.5 to below 1")
    return NormalDist().inv_cdf(power)
