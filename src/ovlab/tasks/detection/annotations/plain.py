"""Images without annotations: for speed, where nothing can be scored."""

from __future__ import annotations

from pathlib import Path

from ovlab.data.folders import find_files, left_out
from ovlab.data.reading import require_folder
from ovlab.tasks.detection.annotations.base import AnnotatedImage, AnnotatedSplit, finish


def read_plain(root: Path, images: str, *, name: str = "dataset") -> AnnotatedSplit:
    """List the images of a folder and its subfolders.

    Parameters
    ----------
    root : Path
        Folder of the unpacked data set.
    images : str
        Folder of the images in it.
    name : str, default "dataset"
        Name of the split, for messages too.

    Returns
    -------
    AnnotatedSplit
        Without class names; the images have neither objects nor a size.

    Raises
    ------
    OvlabError
        If the folder does not exist or holds no image.
    """
    folder = require_folder(root, images, name)
    found = find_files(folder)
    listed = [AnnotatedImage(path.relative_to(root).as_posix(), path) for path in found.images]
    return finish(name, listed, (), remarks=left_out(found.others, images))
