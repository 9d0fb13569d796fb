"""How far an array is from what it should be: cosine and signal-to-noise ratio, summed up over images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_DB = 200.0
"""Above what float32 can show."""


@dataclass
class Distance:
    """Running sums over the elements of an output, of all images together.

    The signal-to-noise ratio is ``10 log10(sum r^2 / sum (v - r)^2)`` decibels for a reference `r` and a variant `v`;
    the cosine is ``sum r v / sqrt(sum r^2 sum v^2)``.

    Attributes
    ----------
    signal, noise, variant, product : float
        Sums of the squares of the reference, of the difference, of the variant, and of the products.
    """

    signal: float = 0.0
    noise: float = 0.0
    variant: float = 0.0
    product: float = 0.0

    def add(self, reference: NDArray[Any], variant: NDArray[Any]) -> None:
        """Take in an output for one image, of both models."""
        first, second = (np.asarray(one, dtype=np.float64).ravel() for one in (reference, variant))
        difference = second - first
        self.signal += float(first @ first)
        self.noise += float(difference @ difference)
        self.variant += float(second @ second)
        self.product += float(first @ second)

    @property
    def identical(self) -> bool:
        """Whether no element differs."""
        return self.noise == 0

    @property
    def snr_db(self) -> float | None:
        """Signal-to-noise ratio in decibels; None where it is infinite (identical) or has no meaning."""
        if not (0 < self.noise < math.inf and 0 < self.signal < math.inf):
            return None
        return 10 * math.log10(self.signal / self.noise)

    @property
    def cosine(self) -> float | None:
        """Cosine of the angle between the outputs, from -1 to 1; None where one of them is zero or not finite."""
        size = math.sqrt(self.signal) * math.sqrt(self.variant)
        if not (0 < size < math.inf and math.isfinite(self.product)):
            return None
        return max(-1.0, min(1.0, self.product / size))

    def plain(self) -> dict[str, Any]:
        """Return the distance as a record keeps it."""
        return {"cosine": self.cosine, "snr_db": self.snr_db, "identical": self.identical}


def worst_db(outputs: Sequence[Mapping[str, Any]]) -> float:
    """Return the lowest signal-to-noise ratio of outputs and of their parts, as a record keeps them.

    Returns
    -------
    float
        In decibels; `MOST_DB` where all are identical, its negative where one is not finite: records hold no infinity.
    """
    every = [entry for one in outputs for entry in (one, *one.get("parts", ()))]
    return min((_db(entry) for entry in every), default=MOST_DB)


def mean_db(outputs: Sequence[Mapping[str, Any]]) -> float:
    """Return the mean signal-to-noise ratio of outputs, of one in parts that of its parts; see `worst_db`."""
    every = [entry for one in outputs for entry in (one.get("parts") or (one,))]
    return sum(map(_db, every)) / len(every) if every else MOST_DB


def _db(entry: Mapping[str, Any]) -> float:
    if entry["snr_db"] is not None:
        return float(entry["snr_db"])
    return MOST_DB if entry["identical"] else -MOST_DB
