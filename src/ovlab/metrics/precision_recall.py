"""Average precision whose images can be re-weighted without matching again.

A bootstrap over images needs the metric for thousands of samples of the same images. Which detection is a hit does not
depend on the sample, so matching happens once; a sample is a row of weights, one an image (how often it was drawn), and
gives the very value that a data set with the images repeated that often would give. All samples are computed at once.

Only the points right after a hit matter for a precision-recall curve's upper envelope. The number of detections up to
there is one running sum for all overlaps of a class; only which of them are hits differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ovlab.errors import OvlabError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

BLOCK = 1 << 17
"""Numbers computed together, detections times samples: enough to vectorise, few enough to stay in the cache."""
LEAST_SAMPLES = 16


class Interpolation(Protocol):
    """Where on the recall axis precision is read."""

    def __call__(self, hits: FloatArray, positives: FloatArray) -> FloatArray:
        """Say which share of the recall axis is covered, in 0..1.

        Parameters
        ----------
        hits : ndarray, shape (points, samples)
            Weighted number of hits up to each point of the curve.
        positives : ndarray, shape (samples,)
            Weighted number of objects, above 0.

        Returns
        -------
        ndarray, shape (points, samples)
            Share of the places on the recall axis that the recall at the point has reached.
        """


def area(hits: FloatArray, positives: FloatArray) -> FloatArray:
    """Read precision everywhere: the area under the envelope (Pascal VOC from 2010 on).

    Parameters
    ----------
    hits, positives : ndarray
        See `Interpolation`.

    Returns
    -------
    ndarray, shape (points, samples)
        The recall itself.
    """
    return hits / positives


def eleven_points(hits: FloatArray, positives: FloatArray) -> FloatArray:
    """Read precision at recall 0, 0.1, ... 1 (Pascal VOC 2007).

    The comparison is exact: 3 hits of 10 reach recall 0.3, which a comparison with the rounded ``3 * 0.1`` denies.

    Parameters
    ----------
    hits, positives : ndarray
        See `Interpolation`.

    Returns
    -------
    ndarray, shape (points, samples)
        Number of reached places over 11.
    """
    return (np.floor(10 * hits / positives) + 1) / 11


@dataclass(frozen=True, eq=False)
class ClassCurves:
    """The detections of one class, matched at one or more overlaps, in order of falling score.

    Parameters
    ----------
    images : ndarray of int, shape (n,)
        Image of each detection.
    hits : ndarray of bool, shape (overlaps, n)
        Whether the detection is a hit.
    counted : ndarray of bool, shape (overlaps, n)
        Whether the detection counts at all: a false alarm if it is no hit.
    positives : ndarray, shape (images,)
        Number of objects to find in each image.
    """

    images: IntArray
    hits: BoolArray
    counted: BoolArray
    positives: FloatArray


def make_curves(
    images: IntArray, scores: FloatArray, hits: BoolArray, counted: BoolArray, positives: FloatArray
) -> ClassCurves:
    """Make a class's curves from its matched detections, in any order.

    Parameters
    ----------
    images : ndarray of int, shape (n,)
        Image of each detection.
    scores : ndarray, shape (n,)
        Its score; of equal scores the detection that is given first comes first.
    hits, counted : ndarray of bool, shape (overlaps, n)
        See `ClassCurves`; a hit always counts.
    positives : ndarray, shape (images,)
        Number of objects to find in each image.

    Returns
    -------
    ClassCurves
        Ready for `average_precisions`. What comes behind the last hit changes nothing and is left out.
    """
    order = np.argsort(-scores, kind="stable")
    found = np.flatnonzero(np.any(hits[:, order], axis=0))
    order = order[: found[-1] + 1 if found.size else 0]
    return ClassCurves(images[order], hits[:, order], counted[:, order], positives)


def average_precisions(curves: ClassCurves, weights: FloatArray, interpolation: Interpolation) -> FloatArray:
    """Average precision of one class at each overlap for each sample of images.

    Parameters
    ----------
    curves : ClassCurves
        The class's matched detections.
    weights : ndarray, shape (images, samples)
        How often each image is in each sample; whole numbers.
    interpolation : Interpolation
        `eleven_points`, `area` or COCO's.

    Returns
    -------
    ndarray, shape (overlaps, samples)
        Fraction in 0..1; NaN for a sample without any object of the class.
    """
    with_objects = np.flatnonzero(curves.positives)
    result = np.empty((len(curves.hits), weights.shape[1]))
    for columns in _blocks(weights.shape[1], curves.images.size):
        block = weights[:, columns]
        positives = curves.positives[with_objects] @ block[with_objects]
        drawn = block[curves.images]
        # Whole numbers in float64: every sum below is exact, in whatever order it is made.
        ranks = np.cumsum(drawn, axis=0)
        for row, (hit, counted) in enumerate(zip(curves.hits, curves.counted, strict=True)):
            values = _average_precision(hit, counted, drawn, ranks, positives, interpolation)
            result[row, columns] = np.where(positives > 0, values, np.nan)
    return result


def _average_precision(
    hit: BoolArray,
    counted: BoolArray,
    drawn: FloatArray,
    ranks: FloatArray,
    positives: FloatArray,
    interpolation: Interpolation,
) -> FloatArray:
    """Average precision at one overlap from each detection's weight and the running sum of these."""
    rows = np.flatnonzero(hit)
    if rows.size == 0:
        return np.zeros(positives.size)
    hits = np.cumsum(drawn[rows], axis=0)
    detections = ranks[rows]
    left_out = np.flatnonzero(~counted)
    if left_out.size:
        before = np.searchsorted(left_out, rows)
        running = np.cumsum(drawn[left_out], axis=0)
        detections[before > 0] -= running[before[before > 0] - 1]
    # A leading hit of weight 0 with no false alarm before it is not there at all: 0 / 1.
    precision = hits / np.maximum(detections, 1)
    envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    covered = interpolation(hits, np.maximum(positives, 1))
    total: FloatArray = np.einsum("ij,ij->j", np.diff(covered, axis=0, prepend=0), envelope)
    return total


@dataclass(frozen=True, eq=False)
class MeanAveragePrecision:
    """Mean over classes (and over overlap thresholds) of average precision, as a function of image weights.

    Parameters
    ----------
    curves : sequence of ClassCurves
        Curves of each class.
    interpolation : Interpolation
        Where precision is read.
    images : int
        Number of images.
    """

    curves: Sequence[ClassCurves]
    interpolation: Interpolation
    images: int

    def per_class(self, weights: Any = None) -> FloatArray:
        """Average precision of every class, averaged over its thresholds.

        Parameters
        ----------
        weights : array_like, shape (images,) or (images, samples), optional
            How often each image is in each sample. Default: each once, in one sample.

        Returns
        -------
        ndarray, shape (classes,) or (classes, samples)
            Fractions; NaN where there is no object of the class.

        Raises
        ------
        OvlabError
            If `weights` does not have one row an image.
        """
        table = self._weights(weights)
        result = np.empty((len(self.curves), table.shape[1]))
        for row, curves in enumerate(self.curves):
            result[row] = np.mean(list(average_precisions(curves, table, self.interpolation)), axis=0)
        return result[:, 0] if weights is None or np.ndim(weights) == 1 else result

    def mean(self, weights: Any = None) -> Any:
        """Mean over the classes that have objects.

        Parameters
        ----------
        weights : array_like, shape (images,) or (images, samples), optional
            How often each image is in each sample. Default: each once, in one sample.

        Returns
        -------
        float or ndarray, shape (samples,)
            Fractions; NaN where no class has an object.

        Raises
        ------
        OvlabError
            If `weights` does not have one row an image.
        """
        values = self.per_class(weights)
        present = ~np.isnan(values)
        counts = present.sum(axis=0)
        mean = np.where(counts > 0, np.where(present, values, 0).sum(axis=0) / np.maximum(counts, 1), np.nan)
        return float(mean) if mean.ndim == 0 else mean

    def _weights(self, weights: Any) -> FloatArray:
        if weights is None:
            return np.ones((self.images, 1))
        table = np.asarray(weights, dtype=np.float64)
        if table.ndim not in {1, 2} or table.shape[0] != self.images:
            raise OvlabError(f"weights have shape {table.shape}, expected one row for each of {self.images} images")
        return table.reshape(self.images, -1)


def _blocks(samples: int, detections: int) -> Iterator[slice]:
    size = max(LEAST_SAMPLES, BLOCK // max(detections, 1))
    for start in range(0, samples, size):
        yield slice(start, min(start + size, samples))
