"""Images with their labels."""

from __future__ import annotations

from dataclasses import dataclass

from ovlab.data.split import Split, SplitImage

UNKNOWN = -1
"""Label of an image whose class nobody says."""


@dataclass(frozen=True)
class LabelledImage(SplitImage):
    """One image of a split.

    Attributes
    ----------
    label : int
        Index of its class; ``UNKNOWN`` where nobody says.
    """

    label: int


@dataclass(frozen=True)
class LabelledSplit(Split):
    """The images of one split, and the names of the classes (may be empty)."""

    images: tuple[LabelledImage, ...]

    @property
    def labelled(self) -> bool:
        """Whether the class of every image is known."""
        return all(image.label != UNKNOWN for image in self.images)
