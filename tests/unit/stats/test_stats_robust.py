"""Huber's estimate: its equation, its limits, its critical values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import t as student_t

from ovlab.errors import OvlabError
from ovlab.stats.robust import critical_value, huber, tuning


class TestHuber:
    @pytest.mark.parametrize("n", [3, 4, 5, 8, 20])
    def test_location_solves_hubers_equation(self, n: int) -> None:
        values = np.random.default_rng(n).standard_t(2, size=n)
        scale = np.median(np.abs(values - np.median(values))) / 0.6744897501960817

        def pull(location: float) -> float:
            return float(sum(min(max((x - location) / scale, -tuning(n)), tuning(n)) for x in values))

        assert float(huber(values)[0]) == pytest.approx(brentq(pull, values.min(), values.max(), xtol=1e-14), abs=1e-9)

    def test_is_the_mean_with_its_standard_error_when_nothing_is_far(self) -> None:
        values = np.array([9.8, 10.0, 10.1, 10.3, 9.9])
        location, error = huber(values)
        assert float(location) == pytest.approx(values.mean())
        assert float(error) == pytest.approx(values.std(ddof=1) / math.sqrt(5))

    def test_rows_are_independent_of_each_other(self) -> None:
        table = np.random.default_rng(0).normal(size=(3, 4, 6))
        location, error = huber(table)
        assert location.shape == error.shape == (3, 4)
        assert float(location[2, 1]) == pytest.approx(float(huber(table[2, 1])[0]))
        assert float(error[2, 1]) == pytest.approx(float(huber(table[2, 1])[1]))

    def test_ties_in_the_middle_do_not_hide_the_others(self) -> None:
        location, error = huber([1.0, 1.0, 1.0, 1.4])
        assert 1.0 < float(location) < 1.2
        assert float(error) > 0

    @pytest.mark.parametrize("values", [[1.0], 3.0, [1.0, math.nan], [1.0, math.inf]])
    def test_refuses_what_has_no_spread(self, values: object) -> None:
        with pytest.raises(OvlabError, match="values"):
            huber(values)

    @pytest.mark.parametrize("n", [3, 4, 5, 7, 10, 20, 30, 31, 50])
    @pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
    def test_critical_values_hold_for_normal_values(self, n: int, level: float) -> None:
        location, error = huber(np.random.default_rng(n).normal(size=(20_000, n)))
        inside = np.mean(np.abs(location) <= critical_value(n, level) * error)
        assert inside == pytest.approx(level, abs=4 * math.sqrt(level * (1 - level) / 20_000))

    def test_two_values_are_students(self) -> None:
        assert critical_value(2) == pytest.approx(student_t.ppf(0.975, 1), abs=1e-3)

    def test_many_values_are_normal(self) -> None:
        assert critical_value(100_000) == pytest.approx(1.95996, abs=1e-3)

    def test_refuses_a_level_without_table_and_a_single_value(self) -> None:
        with pytest.raises(OvlabError, match=r"level is 0.8, tabulated are 0.9, 0.95, 0.99"):
            critical_value(5, 0.8)
        with pytest.raises(OvlabError, match="needs at least two"):
            critical_value(1)
