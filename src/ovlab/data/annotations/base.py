"""What all readers of annotations share: their result, and the checks of what files of others say."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ovlab.data.images import IMAGE_SUFFIXES
from ovlab.errors import OvlabError, nearest
from ovlab.metrics.detection import GroundTruth
from ovlab.specs.detection import BadBoxPolicy

log = logging.getLogger("ovlab.data")

TOLERANCE = 1.0
"""Pixels by which a box may leave its image without being a mistake: annotations are rounded."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class AnnotatedImage:
    """One image of a split with its objects.

    Attributes
    ----------
    id : str
        Its path in the data set, with forward slashes: the same on every machine.
    path : Path
        Where the file is.
    truth : GroundTruth or None
        Its objects; None if the data set has no annotations.
    width, height : int or None
        Size in pixels that the boxes refer to; None if the data set has no annotations.
    """

    id: str
    path: Path
    truth: GroundTruth | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class AnnotatedSplit:
    """The images of one split, in a fixed order, and the names of the classes.

    Attributes
    ----------
    name : str
        Name of the split.
    images : tuple of AnnotatedImage
        At least one.
    class_names : tuple of str
        Names by class index; empty without annotations.
    upright : bool
        Whether the boxes refer to the image turned as its EXIF orientation says (YOLO's tools do), or to the pixels as
        stored (COCO, Pascal VOC).
    """

    name: str
    images: tuple[AnnotatedImage, ...]
    class_names: tuple[str, ...]
    upright: bool = False


@dataclass
class BoxCheck:
    """Decides about boxes that do not lie inside of their image, and counts them.

    Attributes
    ----------
    policy : {"stop", "clip", "skip"}
        ``stop`` is an error. ``clip`` cuts off what is outside and leaves out what is then empty. ``skip`` leaves such
        boxes out.
    """

    policy: BadBoxPolicy = "stop"
    counts: Counter[str] = field(default_factory=Counter)

    def __call__(self, box: Sequence[float], width: int, height: int, where: str) -> Box | None:
        """Check one box.

        Parameters
        ----------
        box : sequence of float
            ``xmin, ymin, xmax, ymax`` in continuous pixels.
        width, height : int
            Size of the image in pixels.
        where : str
            File and object, for the message.

        Returns
        -------
        tuple of float or None
            The box, inside of the image; None if it is left out.

        Raises
        ------
        OvlabError
            If the box is bad and the policy is ``stop``.
        """
        xmin, ymin, xmax, ymax = box
        clipped = (max(xmin, 0.0), max(ymin, 0.0), min(xmax, float(width)), min(ymax, float(height)))
        outside = max(abs(a - b) for a, b in zip(box, clipped, strict=True))
        empty = clipped[0] >= clipped[2] or clipped[1] >= clipped[3]
        if not empty and outside <= TOLERANCE:
            return clipped
        if self.policy == "stop":
            inverted = xmin >= xmax or ymin >= ymax
            what = "is empty or inverted" if inverted else f"leaves the image of {width}x{height} pixels"
            numbers = ", ".join(f"{number:g}" for number in box)
            raise OvlabError(
                f"{where}: box {numbers} (xmin, ymin, xmax, ymax; 0 is the image's edge) {what} "
                "(on_bad_box: clip or skip would go on)"
            )
        if self.policy == "clip" and not empty:
            self.counts["clipped"] += 1
            return clipped
        self.counts["left out"] += 1
        return None

    def report(self, where: str) -> None:
        """Log how many boxes were changed or left out."""
        for what, count in sorted(self.counts.items()):
            log.warning("%s: %d bad boxes %s", where, count, what)


def class_index(name: str, class_names: Sequence[str], where: str) -> int:
    """Return the index of a class by its name.

    Raises
    ------
    OvlabError
        If there is none of that name.
    """
    if name not in class_names:
        raise OvlabError(f"{where}: class {name!r} is none of the data set's{nearest(name, class_names)}")
    return class_names.index(name)


def checked_names(class_names: Iterable[str], where: str) -> tuple[str, ...]:
    """Return class names as a tuple.

    Raises
    ------
    OvlabError
        If there is none, or one is there twice.
    """
    names = tuple(class_names)
    if not names:
        raise OvlabError(f"{where}: class_names: empty, expected the names of the classes")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise OvlabError(f"{where}: class_names: {twice[0]!r} is there twice")
    return names


def inside(folder: Path, name: str, where: str) -> Path:
    """Join a name that a file gives to a folder.

    Raises
    ------
    OvlabError
        If the name leads out of the folder.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if not name or "\0" in name or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise OvlabError(f"{where}: {name!r} points outside of {folder.name!r}")
    return folder / path


def require_folder(root: Path, name: str, where: str) -> Path:
    """Return a folder of the data set.

    Raises
    ------
    OvlabError
        If it does not exist.
    """
    folder = root / name
    if not folder.is_dir():
        siblings = [entry.name for entry in folder.parent.iterdir() if entry.is_dir()] if folder.parent.is_dir() else []
        raise OvlabError(f"{where}: no folder {name!r}{nearest(folder.name, siblings)}")
    return folder


def read_text(path: Path) -> str:
    """Read a UTF-8 text file.

    Raises
    ------
    OvlabError
        If it does not exist or is not text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        near = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise OvlabError(f"{path}: no such file{nearest(path.name, near) if len(near) < 100 else ''}") from None
    except UnicodeDecodeError as error:
        raise OvlabError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise OvlabError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None


def number(value: Any, where: str) -> float:
    """Return a finite number that a file gives, as text or as a number.

    Raises
    ------
    OvlabError
        If it is none.
    """
    try:
        result = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        result = math.nan
    if not math.isfinite(result):
        raise OvlabError(f"{where}: {str(value)[:40]!r} is not a number")
    return result


def pixels(value: Any, where: str) -> int:
    """Return a size in whole pixels that a file gives.

    Raises
    ------
    OvlabError
        If it is not a whole number above 0.
    """
    size = number(value, where)
    if size < 1 or size != int(size):
        raise OvlabError(f"{where}: {str(value)[:40]!r} is not a size in pixels")
    return int(size)


def list_images(folder: Path) -> list[Path]:
    """List the images below a folder, in the order of their names.

    Returns
    -------
    list of Path
        Hidden files are left out.
    """
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def finish(
    name: str, images: Sequence[AnnotatedImage], class_names: tuple[str, ...], *, upright: bool = False
) -> AnnotatedSplit:
    """Make the split of what was read.

    Raises
    ------
    OvlabError
        If there is no image.
    """
    if not images:
        raise OvlabError(f"{name}: no image found")
    return AnnotatedSplit(name, tuple(images), class_names, upright)
