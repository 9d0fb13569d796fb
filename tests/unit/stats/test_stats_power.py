"""Number of images and detectable drop: the formula, its inverse, and the power it promises."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ovlab.errors import OvlabError
from ovlab.stats import power as planning
from ovlab.stats.proportion import tango


class TestSize:
    def test_published_formula_by_hand(self) -> None:
        # Connor, Biometrics 43 (1987) 207-211: (1.95996 sqrt(0.2) + 0.84162 sqrt(0.2 - 0.01))^2 / 0.01 = 154.6.
        assert planning.images_needed(0.1, 0.2) == 155
        assert planning.images_needed(-0.1, 0.2) == 155

    def test_the_number_has_the_power_it_promises(self) -> None:
        images = planning.images_needed(0.02, 0.05)
        gain, loss = 0.015, 0.035
        tables = np.random.default_rng(3).multinomial(images, [gain, loss, 1 - gain - loss], size=4000).tolist()
        seen = np.mean([not tango(gains, losses, images).contains(0.0) for gains, losses, _ in tables])
        assert seen == pytest.approx(0.8, abs=0.025)

    @pytest.mark.parametrize(("drop", "discordance"), [(0.003, 0.03), (0.1, 0.2), (0.02, 0.02)])
    def test_detectable_drop_is_the_inverse(self, drop: float, discordance: float) -> None:
        images = planning.images_needed(drop, discordance, power=0.9)
        assert planning.detectable_drop(images, discordance, power=0.9) <= drop
        assert not planning.detectable_drop(images - 1, discordance, power=0.9) <= drop

    def test_too_few_images_see_nothing(self) -> None:
        assert math.isnan(planning.detectable_drop(10, 0.01))
        assert math.isnan(planning.detectable_drop(10_000, 0.0))

    @pytest.mark.parametrize(
        ("drop", "discordance", "power", "message"),
        [
            (0.0, 0.1, 0.8, "no number of images"),
            (0.2, 0.1, 0.8, "discordance is 0.1"),
            (0.1, 1.1, 0.8, "discordance is 1.1"),
            (0.1, 0.2, 1.0, "power is 1.0"),
            (math.nan, 0.2, 0.8, "no number of images"),
        ],
    )
    def test_refuses_what_cannot_be_planned(self, drop: float, discordance: float, power: float, message: str) -> None:
        with pytest.raises(OvlabError, match=message):
            planning.images_needed(drop, discordance, power=power)

    @pytest.mark.parametrize(
        ("images", "discordance", "power", "message"),
        [(0, 0.1, 0.8, "images is 0"), (10, -0.1, 0.8, "discordance is -0.1"), (10, 0.1, 0.1, "power is 0.1")],
    )
    def test_detectable_drop_refuses_the_same(
        self, images: int, discordance: float, power: float, message: str
    ) -> None:
        with pytest.raises(OvlabError, match=message):
            planning.detectable_drop(images, discordance, power=power)
