"""Images and what is known of them: from the files of a data set to the arrays that an IR takes."""

from ovlab.data.dataset import read_split
from ovlab.data.fitting import LoadedImage, fit, load, place
from ovlab.data.images import CorruptImageError, Image, decode
from ovlab.data.loader import Batch, load_ahead, load_some, readable, skip_or_stop, usable_cores
from ovlab.data.split import Split, SplitImage, shared_images, take_portion

__all__ = [
    "Batch",
    "CorruptImageError",
    "Image",
    "LoadedImage",
    "Split",
    "SplitImage",
    "decode",
    "fit",
    "load",
    "load_ahead",
    "load_some",
    "place",
    "read_split",
    "readable",
    "shared_images",
    "skip_or_stop",
    "take_portion",
    "usable_cores",
]
