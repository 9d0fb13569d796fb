"""The shape of an uncertain number."""

from __future__ import annotations

import dataclasses
import math

import pytest
from scipy.stats import norm

from ovlab.errors import OvlabError
from ovlab.stats.interval import Interval, level_quantile


def test_contains_includes_both_bounds_and_nothing_outside() -> None:
    interval = Interval(2.0, 1.0, 4.0)
    assert [interval.contains(x) for x in (0.99, 1.0, 2.5, 4.0, 4.01)] == [False, True, True, True, False]


def test_widths_are_of_the_bounds_and_relative_to_the_value() -> None:
    interval = Interval(2.0, 1.0, 4.0)
    assert interval.half_width == 1.5
    assert interval.relative_half_width == 0.75
    assert Interval(-2.0, -4.0, -1.0).relative_half_width == 0.75
    assert Interval(0.0, -1.0, 1.0).relative_half_width == math.inf


def test_unknown_bounds_are_never_a_zero_width_and_exclude_nothing() -> None:
    interval = Interval.unknown(3.0)
    assert not interval.known
    assert interval.value == 3.0
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)
    assert math.isnan(interval.half_width)
    assert math.isnan(interval.relative_half_width)
    assert interval.contains(1e9)


def test_is_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Interval(1.0, 0.0, 2.0).value = 5.0


@pytest.mark.parametrize(
    ("value", "low", "high"), [(5.0, 0.0, 1.0), (math.nan, 0.0, 1.0), (0.5, math.nan, 1.0), (0.5, 0.0, math.nan)]
)
def test_refuses_bounds_that_do_not_hold_the_value(value: float, low: float, high: float) -> None:
    with pytest.raises(OvlabError, match="does not hold its own value"):
        Interval(value, low, high)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, -0.5, math.nan])
def test_refuses_a_level_that_is_no_fraction(level: float) -> None:
    with pytest.raises(OvlabError, match="expected a fraction between 0 and 1"):
        Interval(0.5, 0.0, 1.0, level)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99, 0.999, 1 - 2**-50])
def test_the_quantile_of_a_level_leaves_half_of_the_rest_above(level: float) -> None:
    assert level_quantile(level) == pytest.approx(norm.isf((1 - level) / 2), rel=1e-13)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, math.nan])
def test_the_quantile_refuses_a_level_that_is_no_fraction(level: float) -> None:
    with pytest.raises(OvlabError, match=r"such as 0\.95"):
        level_quantile(level)
