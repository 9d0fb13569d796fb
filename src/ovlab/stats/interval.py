"""The one shape that every uncertain number has: a value with the interval that belongs to it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from ovlab.errors import OvlabError

LEVEL = 0.95
"""Confidence level used wherever none is given."""


def check_level(level: float) -> float:
    """Refuse a confidence level outside (0, 1).

    Parameters
    ----------
    level : float
        Confidence level as a fraction.

    Returns
    -------
    float
        `level`, unchanged.

    Raises
    ------
    OvlabError
        If `level` is not strictly between 0 and 1 (95 instead of 0.95, for instance).
    """
    if not 0.0 < level < 1.0:
        raise OvlabError(f"confidence level is {level}, expected a fraction between 0 and 1 such as 0.95")
    return level


def level_quantile(level: float) -> float:
    """Return the standard normal quantile ``z_(1-alpha/2)`` of a two-sided confidence level ``1 - alpha``.

    Parameters
    ----------
    level : float
        Confidence level as a fraction.

    Returns
    -------
    float
        1.96 for 0.95.

    Raises
    ------
    OvlabError
        If `level` is not strictly between 0 and 1.
    """
    # By its lower tail, which floating point still tells from nothing where the upper one is 1.
    return -NormalDist().inv_cdf((1.0 - check_level(level)) / 2)


@dataclass(frozen=True, slots=True)
class Interval:
    """A point estimate and the two-sided confidence interval of the same estimator.

    Parameters
    ----------
    value : float
        Point estimate.
    low, high : float
        Bounds in the unit of `value`. Both are NaN when the data cannot say how uncertain the value is (one launch,
        no image): an interval of zero width would claim certainty.
    level : float, default 0.95
        Confidence level: the share of repeated experiments whose interval holds the true value.

    Raises
    ------
    OvlabError
        If only one bound is NaN, if the value is NaN while the bounds are not, if the value lies outside the bounds
        or if the level is not a fraction.
    """

    value: float
    low: float
    high: float
    level: float = LEVEL

    def __post_init__(self) -> None:
        check_level(self.level)
        if math.isnan(self.low) and math.isnan(self.high):
            return
        if not self.low <= self.value <= self.high:
            raise OvlabError(f"interval [{self.low}, {self.high}] does not hold its own value {self.value}")

    @classmethod
    def unknown(cls, value: float = math.nan, level: float = LEVEL) -> Interval:
        """Make a value whose uncertainty is not known.

        Parameters
        ----------
        value : float, default NaN
            Point estimate, NaN when there is none either.
        level : float, default 0.95
            Confidence level that was asked for.

        Returns
        -------
        Interval
            With NaN bounds.
        """
        return cls(value, math.nan, math.nan, level)

    @property
    def known(self) -> bool:
        """Whether there are bounds."""
        return not math.isnan(self.low)

    @property
    def half_width(self) -> float:
        """Half of the distance between the bounds, in the unit of the value; NaN without bounds."""
        return (self.high - self.low) / 2

    @property
    def relative_half_width(self) -> float:
        """`half_width` as a fraction of the absolute value; NaN without bounds, infinite for a value of 0."""
        if not self.known:
            return math.nan
        return self.half_width / abs(self.value) if self.value else math.inf

    def contains(self, x: float) -> bool:
        """Say whether `x` is inside the bounds, bounds included.

        Parameters
        ----------
        x : float
            Number in the unit of the value: 0 for a difference, 1 for a ratio, to ask "is there any difference?".

        Returns
        -------
        bool
            True where the bounds are unknown: what is not known excludes nothing.
        """
        return not self.known or self.low <= x <= self.high
