"""Scenes of handwritten digits for detection, in the layout of Pascal VOC.

Each scene is a cluttered picture with some digits of scikit-learn in it, of varied size, contrast, slant and overlap.
The splits draw on the digits' own splits (:func:`ovlab.generators.digits.split_indices`): no digit is seen in two of
them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ovlab.errors import OvlabError
from ovlab.generators import _paint as paint
from ovlab.generators._draw import Draw
from ovlab.generators._raster import check_integer
from ovlab.generators.digits import SPLITS, load_digits, split_indices

#: Class names by label: words, since a bare 0 in YAML is a number.
CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
#: Where the files lie in the folder: the path at which readers of Pascal VOC look.
ROOT = Path("VOCdevkit/VOC2007")

_SIDES = (260, 360)  # pixels
_DIGITS = (1, 6)  # a scene
_LEAST_HEIGHT = 48  # of a digit's 8 x 8 field, pixels
_TRIES = 12  # to place a digit
_LARGEST_OVERLAP = 35  # of the smaller of two boxes, percent
_OUTSIDE = 15  # of a digit's height or width beyond the picture's edge, at most, percent
_HIDDEN_IS_DIFFICULT = 30  # of the ink, percent
_HIDDEN_IS_OCCLUDED = 5
_JPEG_QUALITY = 92
_MOST_SCENES = 99_999
_NOBODY = -1


@dataclass(frozen=True)
class SceneObject:
    """A digit in a scene.

    Attributes
    ----------
    label : int
        0..9, an index into :data:`CLASSES`.
    box : tuple of int
        ``xmin, ymin, xmax, ymax`` of the digit's visible extent, in pixels counted from 0, both ends included.
    digit : int
        Index of the digit in scikit-learn's array.
    truncated, occluded, difficult : bool
        It leaves the picture; another thing lies on it; so much of its ink is gone that detectors are not judged by it.
    """

    label: int
    box: tuple[int, int, int, int]
    digit: int
    truncated: bool
    occluded: bool
    difficult: bool


@dataclass(frozen=True)
class Scene:
    """A picture and what is in it.

    Attributes
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    objects : tuple of SceneObject
        In the order of painting: later ones lie on top.
    """

    image: NDArray[np.uint8]
    objects: tuple[SceneObject, ...]


@dataclass(frozen=True)
class _Placed:
    """A digit's mask and where it was put."""

    digit: int
    label: int
    top: int
    left: int
    mask: NDArray[np.uint8]

    def box(self, height: int, width: int) -> tuple[int, int, int, int]:
        rows = paint.visible(height, self.top, self.mask.shape[0])
        columns = paint.visible(width, self.left, self.mask.shape[1])
        return columns.start, rows.start, columns.stop - 1, rows.stop - 1


def _overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> int:
    """Give the share, in percent, of the smaller box that the other covers."""
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    areas = [(box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (a, b)]
    return 100 * max(width, 0) * max(height, 0) // min(areas)


def _clutter(draw: Draw, image: NDArray[np.uint8]) -> None:
    """Paint patches and strokes that lie under the digits."""
    height, width = image.shape[:2]
    for _ in range(draw.integer(0, 3)):
        size = draw.integer(height // 10, height // 2), draw.integer(width // 10, width // 2)
        mask = paint.hatching(draw, *size)
        top, left = draw.integer(-size[0] // 2, height), draw.integer(-size[1] // 2, width)
        paint.blend(image, top, left, mask, paint.colour(draw))
    for _ in range(draw.integer(0, 7)):
        top, left, mask = paint.stroke(draw, height, width)
        paint.blend(image, top, left, mask, paint.colour(draw))


def _place(draw: Draw, split: str, height: int, width: int) -> list[_Placed]:
    """Choose digits, sizes and places; a digit that finds no free place is left out."""
    images, labels = load_digits()
    pool = split_indices()[split]
    tallest = min(height, width) * 7 // 10
    placed: list[_Placed] = []
    for _ in range(draw.integer(*_DIGITS)):
        digit = pool[draw.integer(0, len(pool) - 1)]
        part = draw.integer(0, 1000)
        size = _LEAST_HEIGHT + (tallest - _LEAST_HEIGHT) * part * part // 1_000_000  # small ones more often
        mask = paint.digit_mask(images[digit], size, size * draw.integer(75, 125) // 100, draw.integer(-25, 25))
        tall, broad = mask.shape
        out_y, out_x = tall * _OUTSIDE // 100, broad * _OUTSIDE // 100
        for _ in range(_TRIES):
            top = draw.integer(-out_y, max(height - tall + out_y, -out_y))
            left = draw.integer(-out_x, max(width - broad + out_x, -out_x))
            candidate = _Placed(digit, int(labels[digit]), top, left, mask)
            box = candidate.box(height, width)
            if all(_overlap(box, other.box(height, width)) <= _LARGEST_OVERLAP for other in placed):
                placed.append(candidate)
                break
    return placed


def _cover(owner: NDArray[np.int64], top: int, left: int, mask: NDArray[np.uint8], who: int) -> None:
    """Note at each pixel of the picture who lies on top, where the mask is more than half opaque."""
    rows = paint.visible(owner.shape[0], top, mask.shape[0])
    columns = paint.visible(owner.shape[1], left, mask.shape[1])
    solid = mask[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] >= 128
    owner[rows, columns][solid] = who


def _described(item: _Placed, number: int, owner: NDArray[np.int64]) -> SceneObject:
    """Judge how much of a digit is seen; `owner` holds at each pixel the number of the thing on top."""
    xmin, ymin, xmax, ymax = item.box(*owner.shape)
    in_frame = item.mask[ymin - item.top : ymax + 1 - item.top, xmin - item.left : xmax + 1 - item.left]
    ink, inside = int((item.mask >= 128).sum()), int((in_frame >= 128).sum())
    seen = int((owner == number).sum())
    return SceneObject(
        label=item.label,
        box=(xmin, ymin, xmax, ymax),
        digit=item.digit,
        truncated=in_frame.shape != item.mask.shape,
        occluded=(inside - seen) * 100 > _HIDDEN_IS_OCCLUDED * inside,
        difficult=(ink - seen) * 100 > _HIDDEN_IS_DIFFICULT * ink,
    )


def compose(split: str, number: int, *, seed: int) -> Scene:
    """Paint one scene.

    Parameters
    ----------
    split : str
        ``train``, ``calibration`` or ``validation``: whose digits to use.
    number : int
        Which scene of the split.
    seed : int
        Names the whole set. The scene depends on nothing but these three.

    Returns
    -------
    Scene
        The picture, 260 to 360 pixels high and wide, with one to six digits.
    """
    draw = Draw("ovlab scenes 1", seed, split, number)
    height, width = draw.integer(*_SIDES), draw.integer(*_SIDES)
    image = paint.background(draw, height, width)
    _clutter(draw, image)
    placed = _place(draw, split, height, width)
    owner = np.full((height, width), _NOBODY, dtype=np.int64)
    for order, item in enumerate(placed):
        rows = paint.visible(height, item.top, item.mask.shape[0])
        columns = paint.visible(width, item.left, item.mask.shape[1])
        ink = paint.contrasting_colour(draw, image[rows, columns])
        paint.blend(image, item.top, item.left, item.mask, ink)
        _cover(owner, item.top, item.left, item.mask, order)
    for _ in range(draw.integer(0, 2)):
        top, left, mask = paint.stroke(draw, height, width)
        paint.blend(image, top, left, mask, paint.colour(draw))
        _cover(owner, top, left, mask, _NOBODY)
    objects = tuple(_described(item, order, owner) for order, item in enumerate(placed))
    return Scene(image, objects)


def _annotation(name: str, scene: Scene) -> str:
    """Write a scene's objects as the VOC devkit does: pixels are counted from 1."""
    height, width = scene.image.shape[:2]
    lines = [
        "<annotation>",
        f"  <folder>{ROOT.name}</folder>",
        f"  <filename>{name}.jpg</filename>",
        f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>",
        "  <segmented>0</segmented>",
    ]
    for item in scene.objects:
        corners = zip(("xmin", "ymin", "xmax", "ymax"), item.box, strict=True)
        lines += [
            "  <object>",
            f"    <name>{CLASSES[item.label]}</name>",
            "    <pose>Unspecified</pose>",
            f"    <truncated>{item.truncated:d}</truncated>",
            f"    <occluded>{item.occluded:d}</occluded>",
            f"    <difficult>{item.difficult:d}</difficult>",
            "    <bndbox>" + "".join(f"<{key}>{value + 1}</{key}>" for key, value in corners) + "</bndbox>",
            "  </object>",
        ]
    return "\n".join([*lines, "</annotation>", ""])


def _write_scene(root: Path, split: str, seed: int, number: int, name: str) -> None:
    """Compose a scene and write its picture and its annotation."""
    scene = compose(split, number, seed=seed)
    _, jpeg = cv2.imencode(".jpg", scene.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    (root / "JPEGImages" / f"{name}.jpg").write_bytes(jpeg.tobytes())
    (root / "Annotations" / f"{name}.xml").write_text(_annotation(name, scene), encoding="utf-8", newline="\n")


def write_scenes(folder: Path, *, seed: int, calibration: int, validation: int, train: int = 0) -> None:
    """Write scenes as ``VOCdevkit/VOC2007/{JPEGImages,Annotations,ImageSets/Main}``.

    Scene n of a split is the same whatever the counts are. Pixels and annotations are the same on every machine; the
    JPEG files are as far as OpenCV's encoder is of the same version.

    Parameters
    ----------
    folder : Path
        Where to write; created when absent.
    seed : int
        Names the whole set, 0 or more.
    calibration, validation, train : int
        How many scenes of each split, 0 to 99999. A split of no scenes gets no list in ``ImageSets/Main``.

    Raises
    ------
    OvlabError
        A parameter is not an integer in its range, or there is no scene at all.
    """
    check_integer("scenes", "seed", seed, low=0, high=2**31 - 1)
    counts = {"train": train, "calibration": calibration, "validation": validation}
    for key, count in counts.items():
        check_integer("scenes", key, count, low=0, high=_MOST_SCENES)
    if not any(counts.values()):
        raise OvlabError("generator 'scenes': calibration, validation and train are all 0, expected some scenes")
    root = folder / ROOT
    for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / part).mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        names = [f"{split}_{number:05d}" for number in range(counts[split])]
        with ThreadPoolExecutor() as pool:  # painting and encoding release the interpreter's lock for the most part
            for _ in pool.map(partial(_write_scene, root, split, seed), range(counts[split]), names):
                pass
        if names:
            listed = "".join(f"{name}\n" for name in names)
            (root / "ImageSets/Main" / f"{split}.txt").write_text(listed, encoding="utf-8", newline="\n")
