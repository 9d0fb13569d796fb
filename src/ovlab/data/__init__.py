"""Images and labels: from the files of a data set to the arrays that an IR takes."""

from ovlab.data.images import CorruptImageError, Image, decode, fit, load
from ovlab.data.loader import load_ahead, usable_cores
from ovlab.data.splits import LabelledImage, Split, read_split, shared_images

__all__ = [
    "CorruptImageError",
    "Image",
    "LabelledImage",
    "Split",
    "decode",
    "fit",
    "load",
    "load_ahead",
    "read_split",
    "shared_images",
    "usable_cores",
]
