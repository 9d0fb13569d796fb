"""What all readers of annotations share: their result, and the check of boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ovlab.data.split import Split, SplitImage
from ovlab.errors import OvlabError
from ovlab.metrics.detection import GroundTruth
from ovlab.tasks.detection.spec import BadBoxPolicy

TOLERANCE = 1.0
"""Pixels by which a box may leave its image without being a mistake: annotations are rounded."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class AnnotatedImage(SplitImage):
    """One image of a split with its objects.

    Attributes
    ----------
    truth : GroundTruth or None
        Its objects; None if the data set has no annotations.
    width, height : int or None
        Size in pixels that the boxes refer to; None if the data set has no annotations.
    """

    truth: GroundTruth | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class AnnotatedSplit(Split):
    """The images of one split, and the names of the classes (empty without annotations).

    Attributes
    ----------
    upright : bool
        Whether the boxes refer to the image turned as its EXIF orientation says (YOLO's tools do), or to the pixels as
        stored (COCO, Pascal VOC).
    """

    images: tuple[AnnotatedImage, ...]
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

    def remarks(self) -> tuple[str, ...]:
        """Say how many boxes were changed or left out."""
        return tuple(f"{count} bad box(es) {what} (on_bad_box)" for what, count in sorted(self.counts.items()))


def finish(
    name: str,
    images: Sequence[AnnotatedImage],
    class_names: tuple[str, ...],
    *,
    upright: bool = False,
    remarks: tuple[str, ...] = (),
    label_remarks: tuple[str, ...] = (),
) -> AnnotatedSplit:
    """Make the split of what was read.

    Raises
    ------
    OvlabError
        If there is no image.
    """
    if not images:
        raise OvlabError(f"{name}: no image found")
    return AnnotatedSplit(name, tuple(images), class_names, upright, remarks, label_remarks)
