"""Decode images in threads, ahead of their use, with a bounded number in memory."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np

from ovlab.data.fitting import load
from ovlab.data.geometry import Placement
from ovlab.data.images import CorruptImageError, Image, decode
from ovlab.data.split import Split, SplitImage
from ovlab.errors import OvlabError
from ovlab.specs import DatasetSpec, ResizeSpec
from ovlab.usercode.activity import expect_images

log = logging.getLogger("ovlab.data")
AHEAD = 8


def usable_cores() -> int:
    """Return how many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Batch:
    """Images that are decoded together.

    Attributes
    ----------
    images : list
        Those that could be decoded.
    pixels : ndarray of uint8, shape (batch, height, width, 3)
        Their pixels in BGR; zero behind the last one.
    placements : list of Placement or None
        Where each original lies in its input.
    corrupt : list of (image, CorruptImageError)
        The others.
    """

    images: list[SplitImage]
    pixels: Image
    placements: list[Placement | None]
    corrupt: list[tuple[SplitImage, CorruptImageError]]


def load_ahead(
    split: Split, height: int, width: int, resize: ResizeSpec, batch: int = 1, workers: int | None = None
) -> Iterator[Batch]:
    """Yield all images with their pixels, in order, decoding the next ones meanwhile.

    Parameters
    ----------
    split : Split
        What to load.
    height, width, resize
        See :func:`ovlab.data.fit`.
    batch : int
        How many at once. A thread takes a whole batch: for small images the hand-over costs more than the decoding.
    workers : int, optional
        Decoding threads; by default one a core.

    Yields
    ------
    Batch
        A corrupt image stands apart: the caller decides whether to stop.
    """
    workers = workers or usable_cores()
    # The threads of this pool are the parallelism; OpenCV's own would only compete with them.
    cv2.setNumThreads(1)

    def attempt(images: Sequence[SplitImage]) -> Batch:
        loaded = Batch([], np.zeros((batch, height, width, 3), np.uint8), [], [])
        for image in images:
            try:
                one = load(image.path, height, width, resize, upright=split.upright)
            except CorruptImageError as error:
                loaded.corrupt.append((image, error))
                continue
            loaded.pixels[len(loaded.images)] = one.pixels
            loaded.images.append(image)
            loaded.placements.append(one.placement)
        return loaded

    ahead = max(1, AHEAD // batch) * workers
    expect_images((ahead + workers) * batch * height * width * 3, workers)
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        waiting: deque[Future[Batch]] = deque()
        try:
            for start in range(0, len(split.images), batch):
                waiting.append(pool.submit(attempt, split.images[start : start + batch]))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def skip_or_stop(error: CorruptImageError, dataset: DatasetSpec) -> None:
    """Do with a corrupt image what the data set says: go on with a warning, or stop.

    Raises
    ------
    OvlabError
        If the data set says ``on_corrupt: stop``.
    """
    if dataset.on_corrupt == "stop":
        raise OvlabError(f"{error} (on_corrupt: skip in the data set's YAML would go on)")
    log.warning("skipped: %s", error)


def load_some(
    split: Split, count: int, height: int, width: int, resize: ResizeSpec, dataset: DatasetSpec
) -> list[Image]:
    """Load `count` images spread over a split, fewer if not as many can be decoded.

    Raises
    ------
    OvlabError
        If an image is corrupt and the data set does not say to skip it, or none can be decoded.
    """
    loaded: list[Image] = []
    # The first images of a sorted list may all be of one class.
    for image in split.images[:: max(1, len(split.images) // count)]:
        if len(loaded) == count:
            break
        try:
            loaded.append(load(image.path, height, width, resize, upright=split.upright).pixels)
        except CorruptImageError as error:
            skip_or_stop(error, dataset)
    if not loaded:
        raise OvlabError("no image of the split can be decoded")
    return loaded


def readable(images: Sequence[SplitImage], dataset: DatasetSpec) -> list[SplitImage]:
    """Leave out the images that cannot be decoded, if the data set says to skip them; otherwise look at none.

    Raises
    ------
    OvlabError
        If none is left.
    """
    if dataset.on_corrupt == "stop":
        return list(images)
    kept = []
    for image in images:
        try:
            decode(image.path)
        except CorruptImageError as error:
            skip_or_stop(error, dataset)
        else:
            kept.append(image)
    if not kept:
        raise OvlabError("no image of the split can be decoded")
    return kept
