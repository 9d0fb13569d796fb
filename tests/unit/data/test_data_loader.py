"""Images are decoded ahead, in order, with a bounded number in memory."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

from ovlab.data import CorruptImageError, LoadedImage, Split, SplitImage, load_ahead, loader, usable_cores
from ovlab.specs import ResizeSpec

WORKERS = 2
MOST = loader.AHEAD * WORKERS + 1


def images(count: int) -> Split:
    return Split("validation", tuple(SplitImage(str(i), Path(str(i))) for i in range(count)), ())


class _Spy:
    """Stands for decoding: counts the images alive."""

    def __init__(self, *corrupt: str) -> None:
        self.alive = self.most = self.loaded = 0
        self._corrupt = corrupt
        self._lock = threading.Lock()

    def __call__(self, path: Path, height: int, width: int, resize: ResizeSpec, *, upright: bool) -> LoadedImage:
        assert upright  # as the splits of classification are
        if path.name in self._corrupt:
            raise CorruptImageError(f"{path}: bad")
        image = np.full((height, width, 3), int(path.name) % 256, np.uint8)
        with self._lock:
            self.loaded += 1
            self.alive += 1
            self.most = max(self.most, self.alive)
        weakref.finalize(image, self._gone)
        return LoadedImage(image, None)

    def _gone(self) -> None:
        with self._lock:
            self.alive -= 1


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> _Spy:
    spy = _Spy("5")
    monkeypatch.setattr(loader, "load", spy)
    return spy


@pytest.mark.parametrize("batch", [1, 7])
def test_order_is_kept_and_a_corrupt_image_stands_apart(spy: _Spy, batch: int) -> None:
    seen = list(load_ahead(images(40), 2, 3, ResizeSpec(), batch, WORKERS))
    assert [image.id for one in seen for image in one.images] == [str(i) for i in range(40) if i != 5]
    assert [(image.id, str(error)) for one in seen for image, error in one.corrupt] == [("5", "5: bad")]
    for one in seen:
        assert one.pixels.shape == (batch, 2, 3, 3)
        assert len(one.placements) == len(one.images)
        for image, pixels in zip(one.images, one.pixels, strict=False):
            assert (pixels == int(image.id)).all()
        assert not one.pixels[len(one.images) :].any()


@pytest.mark.parametrize("count", [50, 2000])
def test_memory_does_not_grow_with_the_number_of_images(spy: _Spy, count: int) -> None:
    for _ in load_ahead(images(count), 2, 3, ResizeSpec(), 1, WORKERS):
        pass
    assert spy.loaded == count - 1
    assert spy.most <= MOST + 1  # one more is in the hands of the caller


def test_a_caller_that_stops_stops_the_decoding(spy: _Spy) -> None:
    for one in load_ahead(images(2000), 2, 3, ResizeSpec(), 1, WORKERS):
        if one.images and one.images[0].id == "10":
            break
    assert spy.loaded <= 10 + MOST + 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


def test_an_error_that_is_not_about_an_image_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(loader, "load", fail)
    with pytest.raises(MemoryError):
        list(load_ahead(images(3), 2, 3, ResizeSpec()))


def test_nothing_to_load() -> None:
    assert list(load_ahead(images(0), 2, 3, ResizeSpec())) == []


def test_usable_cores() -> None:
    assert usable_cores() >= 1
