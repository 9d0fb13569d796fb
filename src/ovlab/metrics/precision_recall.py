"""Average precision whose images can be re-weighted without matching again.

A bootstrap over images needs the metric for thousands of samples of the same images. Which detection is a hit does not
depend on the sample, so matching happens once; a sample is a row of weights, one an image (how often it was drawn), and
gives the very value that a data set with the images repeated that often would give. All samples are computed at once.

Only the points right after a hit matter for a precision-recall curve's upper envelope. So a curve keeps its hits in
order of falling score and, as a sparse matrix, how many false alarms of which image lie between one hit and the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ovlab.errors import OvlabError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

BLOCK = 128
"""Samples computed together: enough to vectorise, few enough to stay in the cache."""


class Interpolation(Protocol):
    """Where on the recall axis precision is read."""

    def __call__(self, hits: FloatArray, positives: FloatArray) -> FloatArray:
        """Tell which share of the recall axis is covered, in 0..1.

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
class Curve:
    """The detections of one class, matched, in order of falling score.

    Parameters
    ----------
    hit_images : ndarray of int, shape (hits,)
        Image of each hit.
    false_alarms : csr_array, shape (hits, images)
        Number of false alarms of each image between the hit before (or the start) and this one.
    positives : ndarray, shape (images,)
        Number of objects to find in each image.
    """

    hit_images: IntArray
    false_alarms: csr_array
    positives: FloatArray


def make_curve(images: IntArray, hit: NDArray[np.bool_], positives: FloatArray) -> Curve:
    """Make a class's curve from its matched detections.

    Parameters
    ----------
    images : ndarray of int, shape (n,)
        Image of each detection, in order of falling score, without the detections that do not count.
    hit : ndarray of bool, shape (n,)
        Whether the detection is a hit; a false alarm otherwise.
    positives : ndarray, shape (images,)
        Number of objects to find in each image.

    Returns
    -------
    Curve
        Ready for `average_precision`.
    """
    hits = int(hit.sum())
    # Row of a false alarm: the number of hits before it. Those behind the last hit change nothing.
    rows = np.cumsum(hit)
    kept = ~hit & (rows < hits)
    ones = np.ones(int(kept.sum()))
    alarms = csr_array((ones, (rows[kept], images[kept])), shape=(hits, positives.size))
    alarms.sum_duplicates()
    return Curve(images[hit], alarms, positives)


def average_precision(curve: Curve, weights: FloatArray, interpolation: Interpolation) -> FloatArray:
    """Average precision of one class for each sample of images.

    Parameters
    ----------
    curve : Curve
        The class's matched detections.
    weights : ndarray, shape (images, samples)
        How often each image is in each sample; whole numbers.
    interpolation : Interpolation
        `eleven_points`, `area` or COCO's.

    Returns
    -------
    ndarray, shape (samples,)
        Fraction in 0..1; NaN for a sample without any object of the class.
    """
    positives = curve.positives @ weights
    result = np.where(positives > 0, 0.0, np.nan)
    if curve.hit_images.size == 0:
        return result
    hits = np.cumsum(weights[curve.hit_images], axis=0)
    alarms = np.cumsum(curve.false_alarms @ weights, axis=0)
    # A leading hit of weight 0 with no false alarm before it is not there at all: 0 / 1.
    precision = hits / np.maximum(hits + alarms, 1)
    envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    covered = interpolation(hits, np.maximum(positives, 1))
    total = np.einsum("ij,ij->j", np.diff(covered, axis=0, prepend=0), envelope)
    return np.where(positives > 0, total, result)


@dataclass(frozen=True, eq=False)
class MeanAveragePrecision:
    """Mean over classes (and over overlap thresholds) of average precision, as a function of image weights.

    Parameters
    ----------
    curves : sequence of sequences of Curve, shape (classes, thresholds)
        Curves of each class, one an overlap threshold.
    interpolation : Interpolation
        Where precision is read.
    images : int
        Number of images.
    """

    curves: Sequence[Sequence[Curve]]
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
        for part in _blocks(table.shape[1]):
            block = np.ascontiguousarray(table[:, part])
            for row, curves in enumerate(self.curves):
                values = [average_precision(curve, block, self.interpolation) for curve in curves]
                result[row, part] = np.mean(values, axis=0)
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


def _blocks(samples: int) -> Iterator[slice]:
    for start in range(0, samples, BLOCK):
        yield slice(start, min(start + BLOCK, samples))
