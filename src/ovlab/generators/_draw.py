"""Random numbers that stay the same: every draw comes from the raw bits of PCG64, which NumPy never changes."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

_HALF = 32


class Draw:
    """A stream of random numbers named by a key.

    NumPy may change how its ``Generator`` turns bits into numbers (NEP 19); it keeps the bits of a bit generator.

    Parameters
    ----------
    *key : str or int
        What the numbers are for. Other keys give independent streams.
    """

    def __init__(self, *key: str | int) -> None:
        digest = hashlib.sha256(":".join(str(part) for part in key).encode()).digest()
        self._bits = np.random.PCG64(int.from_bytes(digest[:16], "little"))

    def integer(self, low: int, high: int) -> int:
        """Draw an integer from ``low..high``, both included; the range is at most 2**32 wide."""
        return low + (((int(self._bits.random_raw()) >> _HALF) * (high - low + 1)) >> _HALF)

    def chance(self, percent: int) -> bool:
        """Say yes in `percent` of a hundred cases."""
        return self.integer(0, 99) < percent

    def bytes(self, *shape: int) -> NDArray[np.uint8]:
        """Draw an array of integers from 0..255."""
        count = int(np.prod(shape))
        words = np.atleast_1d(self._bits.random_raw(-(-count // 8))).astype("<u8")
        return words.view(np.uint8)[:count].reshape(shape)
