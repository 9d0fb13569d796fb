"""The splits of a data set, read from its files by its task."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ovlab.data.reading import inside, read_text
from ovlab.data.split import Split, take_portion
from ovlab.errors import OvlabError, nearest
from ovlab.inputs import require_as_listed
from ovlab.specs import DatasetSpec
from ovlab.tasks.protocol import SplitFiles
from ovlab.tasks.registry import TASKS


def read_split(root: Path, dataset: DatasetSpec, name: str, where: str = "dataset") -> Split:
    """List the images of a split, with the reader that the data set's task has for its format.

    Parameters
    ----------
    root : Path
        Folder of the unpacked data set.
    dataset : DatasetSpec
        The data set.
    name : str
        Name of the split.
    where : str
        What to call the data set in an error.

    Raises
    ------
    OvlabError
        If the split is not declared, a folder or list is missing, a list is malformed or names an image that does
        not exist, a class index is out of range, or nothing is left.
    """
    split = dataset.splits.get(name)
    if split is None:
        raise OvlabError(f"{where}: splits.{name}: missing, but needed (declared: {', '.join(dataset.splits)})")
    if not (root / split.images).is_dir():
        siblings = [entry.name for entry in root.iterdir() if entry.is_dir()] if root.is_dir() else []
        hint = nearest(Path(split.images).name, siblings)
        raise OvlabError(f"{where}: splits.{name}.images: no folder {split.images!r}{hint}")
    names = _class_names(root, dataset, where)
    found = TASKS[dataset.task].read(SplitFiles(root, name, split, dataset, names, where))
    require_as_listed(root / split.images, {str(image.path) for image in found.images})
    images = take_portion(found.images, split.portion)
    if not images:
        raise OvlabError(f"{where}: splits.{name}: no image found in {split.images!r}")
    return replace(found, images=images)


def _class_names(root: Path, dataset: DatasetSpec, where: str) -> tuple[str, ...]:
    if not isinstance(dataset.class_names, str):
        return dataset.class_names or ()
    path = inside(root, dataset.class_names, f"{where}: class_names")
    if not path.exists():
        raise OvlabError(f"{where}: class_names: no file {dataset.class_names!r}")
    lines = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if not lines:
        raise OvlabError(f"{where}: class_names: {dataset.class_names!r} is empty, expected one name a line")
    return tuple(_without_synset(line) for line in lines)


def _without_synset(line: str) -> str:
    # ImageNet's synset_words.txt: "n01440764 tench, Tinca tinca".
    first, _, rest = line.partition(" ")
    return rest if rest and first[:1] == "n" and first[1:].isdigit() else line
