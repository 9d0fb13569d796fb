"""Decode images in threads, ahead of their use, with a bounded number in memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import cv2

from ovlab.data.images import CorruptImageError, Image, load
from ovlab.data.splits import LabelledImage
from ovlab.specs import ResizeSpec

AHEAD = 8


def usable_cores() -> int:
    """Return how many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_ahead(
    images: Sequence[LabelledImage], height: int, width: int, resize: ResizeSpec, workers: int | None = None
) -> Iterator[tuple[LabelledImage, Image | CorruptImageError]]:
    """Yield every image with its pixels, in order, decoding the next ones meanwhile.

    Parameters
    ----------
    images : sequence of LabelledImage
        What to load.
    height, width, resize
        See :func:`ovlab.data.fit`.
    workers : int, optional
        Decoding threads; by default one a core.

    Yields
    ------
    (LabelledImage, ndarray or CorruptImageError)
        The error takes the place of the pixels: the caller decides whether to stop.
    """
    workers = workers or usable_cores()
    # The threads of this pool are the parallelism; OpenCV's own would only compete with them.
    cv2.setNumThreads(1)

    def attempt(image: LabelledImage) -> Image | CorruptImageError:
        try:
            return load(image.path, height, width, resize)
        except CorruptImageError as error:
            return error

    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        waiting: deque[tuple[LabelledImage, Future[Image | CorruptImageError]]] = deque()
        try:
            for image in images:
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
