"""What a stranger is, and the files and YAML that most have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from toy import CLASSES, colour_image, colour_onnx, write_class_folders, write_image

Yaml = dict[str, Any]
SIZE, COUNT = 16, 12
OK, FAILED = "ok", "failed"


@dataclass
class Made:
    """The YAML of a stranger's model and data set.

    Attributes
    ----------
    model, dataset : dict
        As in ``conf/model`` and ``conf/dataset``.
    int8 : dict
        Quantisation settings of the model's own; quantised only where there are some.
    """

    model: Yaml
    dataset: Yaml
    int8: Yaml | None = None


@dataclass(frozen=True)
class Stranger:
    """One file, and what a stranger is to read of it.

    Attributes
    ----------
    name : str
        Of the model and the data set.
    make : callable
        Writes the files into a folder, and returns the YAML.
    status : str
        Of the cell.
    reads : str
        Regular expression that the cell's reason has: why it failed, or a remark.
    accuracy : float, optional
        Where it is known.
    precision : str
        Of the cell.
    """

    name: str
    make: Callable[[Path], Made]
    status: str
    reads: str = ""
    accuracy: float | None = None
    precision: str = "fp32"


STRANGERS: list[Stranger] = []


def stranger(status: str, reads: str = "", **others: Any) -> Callable[[Callable[[Path], Made]], Callable[[Path], Made]]:
    """Register a function that makes a stranger's files."""

    def register(make: Callable[[Path], Made]) -> Callable[[Path], Made]:
        STRANGERS.append(Stranger(make.__name__, make, status, reads, **others))
        return make

    return register


def classifier(files: list[str | Path], framework: str = "onnx", **changes: Any) -> Yaml:
    return {
        "framework": framework,
        "files": [{"path": str(one)} for one in files],
        "licence": "CC0-1.0",
        "task": "classification",
        "preprocess": {"unit_range": True},
        "output": {"classes": len(CLASSES)},
    } | changes


def colours(folder: Path, **changes: Any) -> Yaml:
    """Images of four colours in class folders."""
    write_class_folders(folder / "images", train=2, val=3)
    return class_folders(folder, **changes)


def class_folders(folder: Path, **changes: Any) -> Yaml:
    return {
        "files": [{"path": str(folder / "images")}],
        "licence": "CC0-1.0",
        "task": "classification",
        "format": "class_folders",
        "splits": {"calibration": {"images": "train"}, "validation": {"images": "val"}},
    } | changes


def listed(folder: Path, lines: list[str], **changes: Any) -> Yaml:
    """An ImageNet list of images of four colours."""
    for i in range(COUNT):
        write_image(folder / "images" / f"{i:03}.png", colour_image(CLASSES[i % 4], i))
    (folder / "val.txt").write_text("".join(lines), encoding="utf-8")
    return {
        "files": [{"path": str(folder)}],
        "licence": "CC0-1.0",
        "task": "classification",
        "format": "imagenet_list",
        "splits": {"validation": {"images": "images", "list": "val.txt"}},
        "class_names": list(CLASSES),
    } | changes


def lines(shift: int = 0, separator: str = " ") -> list[str]:
    return [f"{i:03}.png{separator}{i % 4 + shift}\n" for i in range(COUNT)]


def toy(folder: Path, **options: Any) -> Path:
    return colour_onnx(folder / "model.onnx", **options)


def edited(path: Path, edit: Callable[[onnx.ModelProto], None]) -> Path:
    """Change an ONNX file."""
    model = onnx.load(path)
    edit(model)
    onnx.save(model, path)
    return path
