"""Decode images in threads, ahead of their use, with a bounded number in memory."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import cv2

from ovlab.data.fitting import Loaded, load
from ovlab.data.images import CorruptImageError, Image, decode
from ovlab.data.splits import AnySplit, SplitImage
from ovlab.errors import OvlabError
from ovlab.specs import DatasetSpec, ResizeSpec

log = logging.getLogger("ovlab.data")
AHEAD = 8


def usable_cores() -> int:
    """Return how many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_ahead(
    split: AnySplit, height: int, width: int, resize: ResizeSpec, workers: int | None = None
) -> Iterator[tuple[SplitImage, Loaded | CorruptImageError]]:
    """Yield every image with its pixels, in order, decoding the next ones meanwhile.

    Parameters
    ----------
    split : Split or AnnotatedSplit
        What to load.
    height, width, resize
        See :func:`ovlab.data.fit`.
    workers : int, optional
        Decoding threads; by default one a core.

    Yields
    ------
    (image, Loaded or CorruptImageError)
        The error takes the place of the image: the caller decides whether to stop.
    """
    workers = workers or usable_cores()
    # The threads of this pool are the parallelism; OpenCV's own would only compete with them.
    cv2.setNumThreads(1)

    def attempt(image: SplitImage) -> Loaded | CorruptImageError:
        try:
            return load(image.path, height, width, resize, upright=split.upright)
        except CorruptImageError as error:
            return error

    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        waiting: deque[tuple[SplitImage, Future[Loaded | CorruptImageError]]] = deque()
        try:
            for image in split.images:
                waiting.append((image, pool.submit(attempt, image)))
                if len(waiting) > AHEAD * workers:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
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
    split: AnySplit, count: int, height: int, width: int, resize: ResizeSpec, dataset: DatasetSpec
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
