"""The images that timed processes infer, decoded before anything is timed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ovlab.data.dataset import read_split
from ovlab.data.loader import load_some
from ovlab.inputs import open_source
from ovlab.records import Record
from ovlab.runtime import image_size, read_ir
from ovlab.specs import DatasetSpec, ResizeSpec


def save_images(
    path: Path, model: Path, source: Record, dataset: DatasetSpec, dataset_name: str, resize: ResizeSpec, count: int
) -> None:
    """Decode images of the validation split and save them as a ``.npy`` of uint8, shape (images, height, width, 3).

    Parameters
    ----------
    path : Path
        The file to write.
    model : Path
        The IR, for the size of its input.
    source : Record
        The downloaded data set.
    dataset, dataset_name : DatasetSpec, str
        Its spec and name.
    resize : ResizeSpec
        How images are fitted to the input.
    count : int
        Their number.

    Raises
    ------
    OvlabError
        If the download failed, or the images cannot be read.
    """
    root = open_source(source, f"download of data set {dataset_name}")
    height, width = image_size(read_ir(model))
    split = read_split(root, dataset, "validation", dataset_name)
    np.save(path, np.stack(load_some(split, count, height, width, resize, dataset)))
