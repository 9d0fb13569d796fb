"""Outputs that hold quantities of different size in one tensor: boxes in pixels beside scores below 1.

Over the whole of such an output the small quantity counts for nothing: where all scores have become 0, the cosine is
1.000 and the signal 40 dB above the noise. So columns of very different size are compared apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

GAP = 16.0
"""Ratio of the largest values of two columns from which on they are of different kind: in 8 bits that share a range,
the smaller one has 16 steps or fewer."""


COLLAPSED_DB = 10.0
"""Signal to noise below which a part of an output is called collapsed: a third of the signal is noise."""


@dataclass(frozen=True)
class Part:
    """Some columns of an output.

    Attributes
    ----------
    axis : int
        Of the output.
    columns : tuple of int
        Indices on that axis.
    largest : float
        Largest absolute value in them.
    """

    axis: int
    columns: tuple[int, ...]
    largest: float

    def of(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return these columns of an output."""
        return np.take(array, self.columns, axis=self.axis)

    @property
    def title(self) -> str:
        """Its columns as ``4-83``."""
        edges = np.flatnonzero(np.diff(self.columns) != 1)
        starts = [self.columns[0], *(self.columns[i + 1] for i in edges)]
        ends = [*(self.columns[i] for i in edges), self.columns[-1]]
        runs = [str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True)]
        return ", ".join(runs[:4]) + (", ..." if len(runs) > 4 else "")


def parts_of(values: Sequence[NDArray[Any]]) -> tuple[Part, ...]:
    """Find the columns of an output that are of another size than the rest.

    Parameters
    ----------
    values : sequence of ndarray
        A reference's output for some images, all of one shape; its first axis is the batch.

    Returns
    -------
    tuple of Part
        The large columns and the small ones, where a gap of `GAP` parts them on an axis; nothing otherwise. Outputs
        within -1 to 1 are of one kind: a class that fires nowhere is no quantity of its own. Columns that are 0
        throughout are in neither part.
    """
    size = np.max([np.abs(np.asarray(one, np.float64)) for one in values], axis=0)
    if not np.isfinite(size).all() or size.max(initial=0.0) <= 1:
        return ()
    best: tuple[float, tuple[Part, ...]] = (GAP, ())
    for axis in range(1, size.ndim):
        largest = size.max(axis=tuple(other for other in range(size.ndim) if other != axis))
        order = np.argsort(-largest, kind="stable")
        order = order[largest[order] > 0]
        ratios = largest[order][:-1] / largest[order][1:]
        gaps = np.flatnonzero(ratios >= GAP)
        if len(gaps) and ratios[gaps[0]] >= best[0]:
            groups = order[: gaps[0] + 1], order[gaps[0] + 1 :]
            parts = tuple(Part(axis, tuple(sorted(one.tolist())), float(largest[one].max())) for one in groups)
            best = (float(ratios[gaps[0]]), parts)
    return best[1]


def part_remarks(check: Mapping[str, Any]) -> list[str]:
    """Say which part of an output has collapsed, and which operations brought it back; nothing if none has.

    Parameters
    ----------
    check : mapping
        Of `ovlab.validate.layers.check_layers`, with its ``advice`` where scopes were tried.
    """
    remarks = []
    for output in check["outputs"]:
        for part in output.get("parts", ()):
            if part["identical"] or (part["snr_db"] is not None and part["snr_db"] >= COLLAPSED_DB):
                continue
            others = max(one["largest"] for one in output["parts"])
            remarks.append(
                f"a part of output {output['name']} has collapsed: columns {part['columns']} (up to "
                f"{part['largest']:.3g}, the output up to {others:.3g}) "
                f"{_quality(part['snr_db'])}"
                f"{_advised(check.get('advice'))}"
            )
    return remarks


def _quality(snr_db: float | None) -> str:
    return "are not finite" if snr_db is None else f"have {snr_db:.1f} dB of signal to noise"


def _advised(advice: Mapping[str, Any] | None) -> str:
    if advice is None or advice["error"] or not advice["tried"]:
        return ""
    if (best := advice["best"]) is None:
        return f"; {len(advice['tried'])} changes of quantization were tried, none helps"
    return f"; tried: with quantization.{best['text']} the worst part has {best['worst_db']:.1f} dB"
