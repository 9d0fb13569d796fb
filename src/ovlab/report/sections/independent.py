"""Ratios and differences of estimates that were made independently of each other."""

from __future__ import annotations

import math

from ovlab.report.format import Estimate


def independent_ratio(top: Estimate, bottom: Estimate) -> Estimate:
    """Divide two independent estimates of positive values.

    Relative distances to the bounds are those of logarithms, added in quadrature (Fieller's interval for small ones).
    """
    if top.value is None or not bottom.value:
        return Estimate(None)
    value = top.value / bottom.value
    bounds = (top.low, top.high, bottom.low, bottom.high)
    if any(bound is None or bound <= 0 for bound in bounds) or value <= 0:
        return Estimate(value)
    below = math.hypot(math.log(top.value / (top.low or 1)), math.log((bottom.high or 1) / bottom.value))
    above = math.hypot(math.log((top.high or 1) / top.value), math.log(bottom.value / (bottom.low or 1)))
    return Estimate(value, value * math.exp(-below), value * math.exp(above))


def independent_difference(one: Estimate, other: Estimate) -> Estimate:
    """Subtract two independent estimates: distances to the bounds add in quadrature (Newcombe 1998, method 10)."""
    if one.value is None or other.value is None:
        return Estimate(None)
    value = one.value - other.value
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return Estimate(value)
    below = math.hypot(one.value - one.low, other.high - other.value)
    above = math.hypot(one.high - one.value, other.value - other.low)
    return Estimate(value, value - below, value + above)
