"""Two variants on the same images: against scipy, statsmodels and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest, norm
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.weightstats import DescrStatsW

from ovlab.errors import OvlabError
from ovlab.stats.comparison import BOOTSTRAP, CHI_SQUARE, DROPS, EXACT, compare_flags, compare_resampled
from ovlab.stats.power import detectable_by_error, detectable_loss, images_needed, images_needed_for_error
from ovlab.stats.proportion import exact_mcnemar, tango


def flags(both: int, losses: int, gains: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    sizes = [both, losses, gains, neither]
    return np.repeat([True, True, False, False], sizes), np.repeat([True, False, True, False], sizes)


@pytest.mark.parametrize("table", [(400, 12, 5, 83), (7900, 150, 120, 1830), (50, 0, 0, 50)])
def test_flags_give_what_the_statistics_apart_give(table: tuple[int, int, int, int]) -> None:
    result = compare_flags(*flags(*table))
    both, losses, gains, neither = table
    exact = losses + gains < 25
    expected = reference_mcnemar([[both, losses], [gains, neither]], exact=exact).pvalue
    assert result.p_value == pytest.approx(expected, abs=1e-12)
    assert result.test == (EXACT if exact else CHI_SQUARE)
    assert result.difference == tango(gains, losses, sum(table))
    assert (result.gains, result.losses, result.images) == (gains, losses, sum(table))
    discordance = (gains + losses) / sum(table)
    assert result.needed == {drop: images_needed(drop, max(drop, discordance)) for drop in DROPS}


def test_no_image_says_nothing() -> None:
    result = compare_flags([], [])
    assert math.isnan(result.p_value) and math.isnan(result.detectable)
    assert not result.difference.known and result.needed == {}


def test_a_drop_of_the_detectable_size_is_seen_in_80_percent_of_simulated_pairs() -> None:
    rng = np.random.default_rng(5)
    discordance, images = 0.04, 2000
    drop = compare_flags(*flags(1800, 40, 40, 120)).detectable
    gain, loss = (discordance - drop) / 2, (discordance + drop) / 2
    tables = rng.multinomial(images, [gain, loss, 1 - discordance], size=1500).tolist()
    seen = np.mean([not tango(gains, losses, images).contains(0.0) for gains, losses, _ in tables])
    assert seen == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("images", [5, 100, 597, 10_000])
def test_where_hardly_an_image_parts_the_variants_a_drop_of_losses_alone_is_meant(images: int) -> None:
    drop = compare_flags([True] * images, [True] * images).detectable
    assert drop == detectable_loss(images)
    assert images - 1 <= images_needed(drop, drop) <= images + 1


def test_too_few_images_see_no_drop_at_all() -> None:
    assert math.isnan(detectable_loss(3))


def test_resampled_means_agree_with_the_paired_t_interval() -> None:
    rng = np.random.default_rng(2)
    images = 400
    hard = rng.random(images)
    pair = [hard + rng.normal(shift, 0.1, images) for shift in (0.0, -0.01)]
    weights = rng.multinomial(images, np.full(images, 1 / images), size=4000)
    replicates = [weights @ values / images for values in pair]
    result = compare_resampled(*(float(values.mean()) for values in pair), *replicates, images)
    low, high = DescrStatsW(pair[1] - pair[0]).tconfint_mean()
    assert (result.difference.low, result.difference.high) == pytest.approx((low, high), abs=0.0012)
    assert result.test == BOOTSTRAP and result.gains is None
    error = (pair[1] - pair[0]).std(ddof=1) / math.sqrt(images)
    z = norm.ppf(0.975) + norm.ppf(0.8)
    assert result.detectable == pytest.approx(z * error, rel=0.05)
    assert result.needed[0.01] == pytest.approx(images * (z * error / 0.01) ** 2, rel=0.1)


def test_one_image_has_no_interval() -> None:
    result = compare_resampled(0.5, 0.4, [math.nan], [0.4], 1)
    assert not result.difference.known and result.needed == {} and math.isnan(result.detectable)


@pytest.mark.parametrize(("gains", "losses"), [(0, 0), (3, 9), (9, 3), (0, 7), (40, 41)])
def test_exact_p_values_equal_scipys(gains: int, losses: int) -> None:
    expected = binomtest(gains, gains + losses).pvalue if gains + losses else 1.0
    assert exact_mcnemar([gains], [losses])[0] == pytest.approx(expected, abs=1e-12)


def test_images_for_an_error_by_hand() -> None:
    # (1.959964 + 0.841621) 0.005 = 0.0140079; (0.0140079 / 0.01)^2 = 1.96222 times 128 images.
    assert detectable_by_error(0.005) == pytest.approx(0.0140079, abs=1e-6)
    assert images_needed_for_error(-0.01, 0.005, 128) == 252
    assert images_needed_for_error(0.01, 0.0, 128) == 1


@pytest.mark.parametrize(
    ("drop", "error", "images", "message"),
    [(0.0, 0.1, 5, "drop is 0"), (0.1, -1.0, 5, "error is -1"), (0.1, 0.1, 0, "images is 0")],
)
def test_refuses_what_cannot_be_planned(drop: float, error: float, images: int, message: str) -> None:
    with pytest.raises(OvlabError, match=message):
        images_needed_for_error(drop, error, images)
