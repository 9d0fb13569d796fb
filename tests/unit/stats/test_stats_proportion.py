"""Proportions against statsmodels, published examples, brute force and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from ovlab.errors import OvlabError
from ovlab.stats import proportion
from ovlab.stats.proportion import tango, wilson


def outcomes(both: int, reference_only: int, candidate_only: int, neither: int) -> tuple[list[bool], list[bool]]:
    """Flags of two variants that give this table."""
    pairs = [(True, True)] * both + [(True, False)] * reference_only
    pairs += [(False, True)] * candidate_only + [(False, False)] * neither
    return [a for a, _ in pairs], [b for _, b in pairs]


class TestWilson:
    @pytest.mark.parametrize(("successes", "trials"), [(0, 7), (7, 7), (1, 1), (61, 100), (8103, 10000)])
    @pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
    def test_equals_statsmodels(self, successes: int, trials: int, level: float) -> None:
        interval = wilson(successes, trials, level=level)
        low, high = proportion_confint(successes, trials, alpha=1 - level, method="wilson")
        assert interval.value == successes / trials
        assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-12)

    def test_published_example(self) -> None:
        # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3: 81 of 263.
        interval = wilson(81, 263)
        assert (round(interval.low, 4), round(interval.high, 4)) == (0.2553, 0.3662)

    def test_no_trial_has_neither_value_nor_bounds(self) -> None:
        interval = wilson(0, 0)
        assert math.isnan(interval.value)
        assert not interval.known

    @pytest.mark.parametrize(("successes", "trials"), [(-1, 5), (6, 5), (1, 0)])
    def test_refuses_impossible_counts(self, successes: int, trials: int) -> None:
        with pytest.raises(OvlabError, match=f"{successes} successes in {trials} trials"):
            wilson(successes, trials)

    def test_accuracy_counts_right_images(self) -> None:
        assert proportion.accuracy([True, False, True, True]) == wilson(3, 4)

    def test_accuracy_refuses_a_table(self) -> None:
        with pytest.raises(OvlabError, match=r"correct has shape \(1, 2\), expected one flag an image"):
            proportion.accuracy([[True, False]])

    def test_accuracy_refuses_classes_in_place_of_flags(self) -> None:
        with pytest.raises(OvlabError, match="correct holds other values than True and False"):
            proportion.accuracy([1, 0, 7])


class TestPairedDifference:
    def test_published_example(self) -> None:
        # Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014) 2850-2875: airway hyper-responsiveness before
        # and after transplantation, table (1, 1; 7, 12), Tango's interval -0.517 to -0.026.
        interval = proportion.paired_difference(*outcomes(1, 7, 1, 12))
        assert interval.value == pytest.approx(-6 / 21)
        assert (round(interval.low, 3), round(interval.high, 3)) == (-0.517, -0.026)

    @pytest.mark.parametrize(("gains", "losses", "images"), [(12, 2, 50), (0, 9, 40), (31, 54, 1000), (3, 3, 20)])
    def test_bounds_are_where_the_score_statistic_meets_the_quantile(
        self, gains: int, losses: int, images: int
    ) -> None:
        """The statistic anew: the likeliest share of losses under the supposed difference is searched for."""

        def statistic(difference: float) -> float:
            def unlikeliness(share_of_losses: float) -> float:
                share_of_gains = share_of_losses + difference
                rest = 1 - share_of_losses - share_of_gains
                return -(
                    gains * math.log(share_of_gains)
                    + (losses * math.log(share_of_losses))
                    + (images - gains - losses) * math.log(rest)
                )

            bounds = (max(0.0, -difference) + 1e-12, (1 - difference) / 2 - 1e-12)
            share = minimize_scalar(unlikeliness, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
            variance = images * (2 * share + difference - difference**2)
            return (gains - losses - images * difference) / math.sqrt(variance)

        interval = tango(gains, losses, images)
        assert statistic(interval.low) == pytest.approx(norm.ppf(0.975), abs=1e-3)
        assert statistic(interval.high) == pytest.approx(norm.ppf(0.025), abs=1e-3)

    def test_no_image_that_parts_the_variants_is_no_certainty(self) -> None:
        # With no discordant pair the score bounds are z^2 / (n + z^2) on either side (solve Z(d) = z with q = 0).
        bound = norm.ppf(0.975) ** 2 / (100 + norm.ppf(0.975) ** 2)
        interval = tango(0, 0, 100)
        assert (interval.low, interval.value, interval.high) == pytest.approx((-bound, 0.0, bound), abs=1e-9)

    @pytest.mark.parametrize("images", [1, 2, 7, 100])
    def test_every_table_gives_bounds_that_hold_the_value_and_mirror(self, images: int) -> None:
        for gains in {0, 1, images // 2, images}:
            for losses in {0, 1, images - gains}:
                if gains + losses > images:
                    continue
                interval, mirrored = tango(gains, losses, images), tango(losses, gains, images)
                assert -1 <= interval.low < interval.high <= 1
                assert interval.contains((gains - losses) / images)
                assert (interval.low, interval.high) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-9)

    def test_covers_no_difference_in_95_percent_of_simulated_pairs(self) -> None:
        rng = np.random.default_rng(20240501)
        covered = 0
        for _ in range(1000):
            easy = rng.random(1000) < 0.8
            reference = easy ^ (rng.random(1000) < 0.015)
            candidate = easy ^ (rng.random(1000) < 0.015)
            covered += proportion.paired_difference(reference, candidate).contains(0.0)
        assert 930 <= covered <= 970

    def test_covers_a_true_drop_in_95_percent_of_simulated_pairs(self) -> None:
        rng = np.random.default_rng(7)
        tables = rng.multinomial(500, [0.01, 0.03, 0.96], size=1000).tolist()
        covered = sum(tango(gains, losses, 500).contains(-0.02) for gains, losses, _ in tables)
        assert 930 <= covered <= 970

    def test_no_image_has_neither_value_nor_bounds(self) -> None:
        assert not proportion.paired_difference([], []).known

    def test_refuses_different_images(self) -> None:
        with pytest.raises(OvlabError, match="expected the same images"):
            proportion.paired_difference([True, False], [True])

    def test_refuses_counts_that_do_not_fit(self) -> None:
        with pytest.raises(OvlabError, match="3 gains and 3 losses do not fit 5 images"):
            tango(3, 3, 5)


class TestMcNemar:
    @pytest.mark.parametrize(
        "table", [(10, 3, 9, 4), (100, 12, 12, 7), (0, 24, 0, 0), (50, 10, 15, 3), (8000, 120, 103, 1777), (5, 1, 0, 2)]
    )
    def test_equals_statsmodels_on_the_same_table(self, table: tuple[int, int, int, int]) -> None:
        both, losses, gains, neither = table
        result = proportion.mcnemar(*outcomes(*table))
        exact = losses + gains < 25
        expected = reference_mcnemar([[both, losses], [gains, neither]], exact=exact, correction=True)
        assert result.p_value == pytest.approx(expected.pvalue, abs=1e-12)
        assert result.exact is exact
        assert (result.both, result.reference_only, result.candidate_only, result.neither) == table
        assert result.discordant == losses + gains
        assert result.images == sum(table)

    def test_published_example(self) -> None:
        # Agresti, "Categorical Data Analysis", 2nd ed. 2002, table 10.1: approval of the prime minister, 794, 150, 86,
        # 570; McNemar's z^2 is 17.36 uncorrected, (|150 - 86| - 1)^2 / 236 = 16.82 corrected.
        result = proportion.mcnemar(*outcomes(794, 150, 86, 570))
        assert not result.exact
        assert result.p_value == pytest.approx(2 * norm.sf(63 / math.sqrt(236)), rel=1e-9)

    def test_nothing_that_parts_the_variants_is_no_evidence(self) -> None:
        assert proportion.mcnemar(*outcomes(5, 0, 0, 5)).p_value == 1.0

    def test_an_even_split_is_no_evidence_with_the_correction_either(self) -> None:
        assert proportion.mcnemar(*outcomes(5, 40, 40, 5)).p_value == 1.0


class TestHolm:
    @pytest.mark.parametrize("seed", range(5))
    def test_equals_statsmodels(self, seed: int) -> None:
        p_values = np.random.default_rng(seed).beta(0.3, 2, size=9)
        assert proportion.holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-15)

    def test_by_hand(self) -> None:
        # In rising order times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.04; the last may not fall below the one before.
        assert proportion.holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])

    def test_a_missing_test_stays_missing_and_is_not_counted(self) -> None:
        adjusted = proportion.holm([0.01, math.nan, 0.04])
        assert adjusted[[0, 2]] == pytest.approx([0.02, 0.04])
        assert math.isnan(adjusted[1])

    def test_no_p_value_gives_none(self) -> None:
        assert proportion.holm([]).size == 0

    @pytest.mark.parametrize("p_values", [[1.2], [-0.1, 0.5], [[0.1]]])
    def test_refuses_what_is_no_list_of_p_values(self, p_values: object) -> None:
        with pytest.raises(OvlabError, match="p-values"):
            proportion.holm(p_values)


class TestAgreement:
    def test_counts_equal_predictions_right_or_wrong(self) -> None:
        assert proportion.agreement([3, 1, 2, 2], [3, 1, 0, 2]) == wilson(3, 4)

    def test_refuses_different_images(self) -> None:
        with pytest.raises(OvlabError, match="expected the same images"):
            proportion.agreement([1, 2], [1])
