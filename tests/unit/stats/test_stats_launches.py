"""Intervals from launches: definition, robustness, coverage by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import t as student_t

from ovlab.errors import OvlabError
from ovlab.stats.launches import launch_interval, launch_spread, ratio_interval, settled
from ovlab.stats.robust import critical_value, huber, tuning

SLOW_SHARE, SLOW = 4 / 54, 1.5


def launches(rng: np.random.Generator, n: int, slow_share: float = SLOW_SHARE) -> NDArray[np.float64]:
    """Latencies of `n` launches around 10 ms, some of them slow for their whole life."""
    return 10 * np.exp(rng.normal(0, 0.01, n)) * np.where(rng.random(n) < slow_share, SLOW, 1.0)


class TestLaunchInterval:
    def test_calm_launches_give_the_geometric_mean(self) -> None:
        values = [9.9, 10.0, 10.1, 10.05, 9.97]
        interval = launch_interval(values)
        logs = np.log(values)
        half = critical_value(5) * logs.std(ddof=1) / math.sqrt(5)
        assert interval.value == pytest.approx(math.exp(logs.mean()))
        assert interval.low == pytest.approx(math.exp(logs.mean() - half))
        assert interval.high == pytest.approx(math.exp(logs.mean() + half))

    def test_a_slow_launch_moves_the_value_by_less_than_the_calm_ones_scatter(self) -> None:
        interval = launch_interval([9.9, 10.0, 10.1, 10.05, 15.0])
        assert 9.9 < interval.value < 10.15
        assert interval.high < 11

    def test_the_unit_cancels(self) -> None:
        milliseconds = np.array([9.9, 10.0, 10.1, 12.0])
        first, second = launch_interval(milliseconds), launch_interval(milliseconds * 1000)
        assert (second.value, second.low, second.high) == pytest.approx(
            (first.value * 1000, first.low * 1000, first.high * 1000)
        )

    def test_one_launch_has_a_value_and_no_bounds(self) -> None:
        interval = launch_interval([12.5])
        assert interval.value == pytest.approx(12.5)
        assert not interval.known

    def test_no_launch_has_neither(self) -> None:
        interval = launch_interval([math.nan])
        assert math.isnan(interval.value)
        assert not interval.known

    def test_two_launches_are_students_t(self) -> None:
        interval = launch_interval([10.0, 11.0])
        half = student_t.ppf(0.975, 1) * math.log(1.1) / 2
        assert math.log(interval.high / interval.value) == pytest.approx(half, rel=1e-4)

    def test_a_failed_launch_is_left_out(self) -> None:
        assert launch_interval([10.0, math.nan, 10.2, 9.9]) == launch_interval([10.0, 10.2, 9.9])

    def test_launches_that_are_all_equal_claim_no_certainty(self) -> None:
        interval = launch_interval([10.0, 10.0, 10.0])
        assert interval.value == pytest.approx(10.0)
        assert not interval.known

    @pytest.mark.parametrize("values", [[1.0, 0.0], [1.0, -2.0], [1.0, math.inf], [[1.0, 2.0]]])
    def test_refuses_what_is_no_speed(self, values: object) -> None:
        with pytest.raises(OvlabError, match="values"):
            launch_interval(values)

    @pytest.mark.parametrize("n", [3, 5, 10, 20])
    def test_covers_the_typical_launch(self, n: int) -> None:
        rng = np.random.default_rng(n)
        typical = float(np.exp(huber(np.log(launches(rng, 200_000)), tuning(n))[0]))
        covered = sum(launch_interval(launches(rng, n)).contains(typical) for _ in range(1000))
        assert 930 <= covered <= 970


class TestRatioInterval:
    def test_what_hits_a_whole_round_cancels(self) -> None:
        drift = np.array([1.0, 1.3, 0.9, 1.1])
        noise = np.array([1.0, 1.001, 0.999, 1.0005])
        interval = ratio_interval(20 * drift * noise, 10 * drift)
        assert interval.value == pytest.approx(2.0, rel=1e-3)
        assert interval.relative_half_width < 0.003

    def test_swapping_the_arguments_gives_the_reciprocal(self) -> None:
        rng = np.random.default_rng(1)
        first, second = launches(rng, 7), launches(rng, 7)
        forth, back = ratio_interval(first, second), ratio_interval(second, first)
        assert (back.value, back.low, back.high) == pytest.approx((1 / forth.value, 1 / forth.high, 1 / forth.low))

    def test_a_round_without_one_variant_is_left_out(self) -> None:
        assert ratio_interval([2.0, math.nan, 2.2, 2.1], [1.0, 1.1, math.nan, 1.05]) == ratio_interval(
            [2.0, 2.1], [1.0, 1.05]
        )

    def test_one_round_has_a_value_and_no_bounds(self) -> None:
        interval = ratio_interval([3.0], [1.5])
        assert interval.value == pytest.approx(2.0)
        assert not interval.known

    def test_refuses_unpaired_rounds(self) -> None:
        with pytest.raises(OvlabError, match="3 rounds in the numerator and 2 in the denominator"):
            ratio_interval([1, 2, 3], [1, 2])

    @pytest.mark.parametrize("n", [3, 5, 10, 20])
    @pytest.mark.parametrize("slow_share", [0.0, SLOW_SHARE])
    def test_equal_variants_are_found_equal(self, n: int, slow_share: float) -> None:
        rng = np.random.default_rng((n, int(slow_share * 54)))
        covered = 0
        for _ in range(1000):
            drift = np.exp(rng.normal(0, 0.02, n))
            covered += ratio_interval(
                drift * launches(rng, n, slow_share), drift * launches(rng, n, slow_share)
            ).contains(1.0)
        # 93 to 97 % is the aim; with slow launches in both variants the interval errs on the wide side.
        assert 930 <= covered <= (970 if slow_share == 0 else 980)


class TestSettled:
    def test_needs_a_narrow_interval_twice(self) -> None:
        rounds = [1.0, 1.001, 0.999, 1.0005, 0.9995]
        assert settled(rounds, [1.0] * 5, 0.02)
        assert not settled(rounds, [1.0] * 5, 0.0001)

    def test_the_last_round_alone_does_not_settle_it(self) -> None:
        ratios = [1.0, 1.03, 1.015, 1.015]
        now, before = ratio_interval(ratios, [1.0] * 4), ratio_interval(ratios[:3], [1.0] * 3)
        between = (now.relative_half_width + before.relative_half_width) / 2
        assert now.relative_half_width < between < before.relative_half_width
        assert not settled(ratios, [1.0] * 4, between)
        assert settled(ratios, [1.0] * 4, before.relative_half_width)

    def test_two_rounds_never_settle_it(self) -> None:
        assert not settled([1.0, 1.0000001], [1.0, 1.0], 0.5)


class TestLaunchSpread:
    def test_finds_the_spreads_that_were_put_in(self) -> None:
        rng = np.random.default_rng(5)
        samples = [10 * (1 + rng.normal(0, 0.03)) + rng.normal(0, 0.5, 400) for _ in range(300)]
        spread = launch_spread(samples)
        assert (spread.launches, spread.samples) == (300, 120_000)
        assert spread.between == pytest.approx(0.03, rel=0.1)
        assert spread.within == pytest.approx(0.05, rel=0.02)

    def test_correlated_samples_do_not_pose_as_launches(self) -> None:
        rng = np.random.default_rng(6)
        samples = []
        for _ in range(200):
            noise = rng.normal(0, 0.3, 2500)
            for i in range(1, noise.size):
                noise[i] += 0.9 * noise[i - 1]
            samples.append(100 + noise)
        naive = np.std([one.mean() for one in samples], ddof=1) ** 2 - np.mean(
            [one.var() / one.size for one in samples]
        )
        assert launch_spread(samples).between < 0.5 * math.sqrt(naive) / 100

    def test_balanced_groups_by_hand(self) -> None:
        # Means 10 and 20, variance inside 1; two samples make no batches, so their means are taken as they are.
        spread = launch_spread([[9, 10, 11], [19, 20, 21]])
        assert spread.within == pytest.approx(1 / 15)
        assert spread.between == pytest.approx(math.sqrt(50 - 1 / 3) / 15)
        assert spread.slowest_over_best == pytest.approx(2.0)

    def test_one_launch_has_no_spread_between(self) -> None:
        spread = launch_spread([[9.0, 11.0]])
        assert math.isnan(spread.between)
        assert spread.within == pytest.approx(math.sqrt(2) / 10)
        assert spread.slowest_over_best == 1.0

    def test_one_sample_a_launch_has_no_spread_within(self) -> None:
        spread = launch_spread([[10.0], [11.0], [12.0]])
        assert math.isnan(spread.within)
        assert spread.between == pytest.approx(1 / 11)

    def test_what_the_samples_explain_is_no_spread_between(self) -> None:
        assert launch_spread([[1.0, 100.0] * 8, [100.0, 1.0] * 8]).between == 0.0

    @pytest.mark.parametrize("samples", [[], [[]], [[1.0, -1.0]], [[1.0], [math.nan]], [[[1.0]]]])
    def test_refuses_what_is_no_latency(self, samples: list[list[float]]) -> None:
        with pytest.raises(OvlabError, match="launch"):
            launch_spread(samples)
