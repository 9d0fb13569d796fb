"""The bootstrap over images: weights, bounds, pairing, coverage."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

from ovlab.errors import OvlabError
from ovlab.stats.bootstrap import (
    bootstrap,
    compare_replicates,
    paired_bootstrap,
    percentile_interval,
    resample_images,
)

Weights = NDArray[np.int64]


def weighted_mean(values: NDArray[np.float64]) -> Callable[[Weights], NDArray[np.float64]]:
    """Mean over images as a function of image weights: its bootstrap is known in closed form."""

    def metric(weights: Weights) -> NDArray[np.float64]:
        return np.asarray(values @ weights / weights.sum(axis=0))

    return metric


def test_resamples_draw_as_many_images_as_there_are() -> None:
    weights = resample_images(30, np.random.default_rng(1), 500)
    assert weights.shape == (30, 500)
    assert (weights.sum(axis=0) == 30).all()
    # Each count is binomial(30, 1/30): variance 29/30.
    assert weights.var() == pytest.approx(29 / 30, rel=0.03)


def test_the_same_seed_gives_the_same_resamples() -> None:
    first, second = (resample_images(20, np.random.default_rng(9), 50) for _ in range(2))
    other = resample_images(20, np.random.default_rng(10), 50)
    assert (first == second).all()
    assert (first != other).any()


def test_interval_of_a_mean_is_the_central_limit_one() -> None:
    values = np.random.default_rng(2).exponential(size=2000)
    interval = bootstrap(weighted_mean(values), 2000, np.random.default_rng(3), resamples=4000)
    half = norm.ppf(0.975) * values.std() / math.sqrt(2000)
    assert interval.value == pytest.approx(values.mean())
    assert interval.half_width == pytest.approx(half, rel=0.05)


def test_bounds_are_quantiles_of_the_replicates() -> None:
    interval = percentile_interval(0.5, np.arange(101) / 100, level=0.9)
    assert (interval.low, interval.value, interval.high) == pytest.approx((0.05, 0.5, 0.95))


def test_bounds_are_stretched_to_hold_the_value() -> None:
    interval = percentile_interval(0.99, np.arange(101) / 100, level=0.9)
    assert (interval.low, interval.high) == pytest.approx((0.05, 0.99))


def test_resamples_without_a_value_are_left_out() -> None:
    replicates = [math.nan, 0.2, 0.4, math.nan]
    assert percentile_interval(0.3, replicates) == percentile_interval(0.3, [0.2, 0.4])


@pytest.mark.parametrize(("value", "replicates"), [(0.5, [math.nan, 0.5]), (math.nan, [0.1, 0.2, 0.3]), (0.5, [])])
def test_no_value_or_no_replicates_is_no_interval(value: float, replicates: list[float]) -> None:
    assert not percentile_interval(value, replicates).known


def test_a_single_image_has_no_interval() -> None:
    metric = weighted_mean(np.array([0.7]))
    assert not bootstrap(metric, 1, np.random.default_rng(0)).known
    paired = paired_bootstrap(metric, metric, 1, np.random.default_rng(0))
    assert not paired.difference.known
    assert math.isnan(paired.p_value)


def test_pairing_cancels_what_is_common_to_both_variants() -> None:
    rng = np.random.default_rng(4)
    common = rng.normal(0, 10, 300)
    reference, candidate = weighted_mean(common), weighted_mean(common + 0.5 + rng.normal(0, 0.1, 300))
    paired = paired_bootstrap(reference, candidate, 300, np.random.default_rng(5))
    assert paired.difference.value == pytest.approx(0.5, abs=0.03)
    assert paired.difference.half_width < 0.02
    assert paired.p_value == pytest.approx(2 / (paired.resamples + 1))


def test_stored_replicates_give_the_same_comparison() -> None:
    rng = np.random.default_rng(6)
    variants = [weighted_mean(rng.random(50)) for _ in range(2)]
    at_once = paired_bootstrap(*variants, 50, np.random.default_rng(7), resamples=300)
    ones = np.ones((50, 1), dtype=np.int64)
    values = [float(one(ones)[0]) for one in variants]
    stored = [one(resample_images(50, np.random.default_rng(7), 300)) for one in variants]
    assert compare_replicates(*values, *stored) == at_once


def test_equal_variants_are_not_found_different() -> None:
    metric = weighted_mean(np.random.default_rng(8).random(40))
    paired = paired_bootstrap(metric, metric, 40, np.random.default_rng(9))
    assert paired.difference.contains(0.0)
    assert paired.p_value == 1.0


def test_p_value_is_near_the_exact_one_for_flags() -> None:
    gains, losses, both = 14, 30, 456
    reference = np.repeat([1.0, 0.0, 1.0], [both, gains, losses])
    candidate = np.repeat([1.0, 1.0, 0.0], [both, gains, losses])
    paired = paired_bootstrap(
        weighted_mean(reference), weighted_mean(candidate), 500, np.random.default_rng(1), resamples=20_000
    )
    assert paired.p_value == pytest.approx(binomtest(gains, gains + losses).pvalue, abs=0.015)


def test_covers_no_difference_in_95_percent_of_simulated_pairs() -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(1000):
        hard = rng.random(100)
        reference, candidate = (np.clip(hard + rng.normal(0, 0.2, 100), 0, 1) for _ in range(2))
        paired = paired_bootstrap(weighted_mean(reference), weighted_mean(candidate), 100, rng, resamples=400)
        covered += paired.difference.contains(0.0)
    assert 930 <= covered <= 970


@pytest.mark.parametrize(("images", "resamples"), [(0, 10), (10, 0)])
def test_refuses_nothing_to_draw(images: int, resamples: int) -> None:
    with pytest.raises(OvlabError, match="expected at least one of each"):
        resample_images(images, np.random.default_rng(0), resamples)


def test_refuses_replicates_of_other_resamples() -> None:
    with pytest.raises(OvlabError, match="3 resamples of the reference and 2 of the candidate"):
        compare_replicates(0.5, 0.6, [0.5, 0.4, 0.6], [0.5, 0.6])
    with pytest.raises(OvlabError, match="expected one value a resample"):
        percentile_interval(0.5, [[0.5, 0.6]])
