"""A data set: where its files come from, how they are laid out, and its disjoint splits."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ovlab.specs.base import Spec
from ovlab.specs.source import FileSpec, GeneratorSpec, SourceSpec

Format = Literal["imagenet_list", "class_folders"]
SPLITS = ("calibration", "validation")


class SplitSpec(Spec):
    """One split of a data set.

    Attributes
    ----------
    images : str
        Folder of the images, relative to the unpacked data set.
    list : str, optional
        List of "path label" lines (``imagenet_list``), relative to the unpacked data set.
    portion : pair of float
        Which part of the images to take, of all images in a fixed pseudo-random order. Two splits may share a
        folder if their portions do not overlap: ``[0, 0.2]`` and ``[0.2, 1]``.
    """

    images: str
    list: str | None = None
    portion: tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]] = (0.0, 1.0)

    @model_validator(mode="after")
    def _portion_is_not_empty(self) -> SplitSpec:
        if self.portion[0] >= self.portion[1]:
            raise ValueError(f"portion: {list(self.portion)} is empty, expected [low, high] with low < high")
        return self

    def overlaps(self, other: SplitSpec) -> bool:
        """Tell whether two splits declare a common image."""
        same_place = (self.images, self.list) == (other.images, other.list)
        return same_place and self.portion[0] < other.portion[1] and other.portion[0] < self.portion[1]


class DatasetSpec(Spec):
    """A data set's YAML file (``conf/dataset``).

    Attributes
    ----------
    format : str
        Layout of the files.
    splits : dict
        ``validation``, and ``calibration`` where a precision calibrates on it.
    class_names : list of str, or str
        The names, or a text file in the data set with one class a line; by default the folders' names
        (``class_folders``) or the indices.
    on_corrupt : {"stop", "skip"}
        What to do with an image that cannot be decoded. Skipped images are named in the record.
    """

    description: str = ""
    files: tuple[FileSpec, ...] = ()
    generator: GeneratorSpec | None = None
    licence: str
    homepage: str | None = None
    task: Literal["classification"]
    format: Format
    splits: dict[str, SplitSpec]
    class_names: tuple[str, ...] | str | None = None
    on_corrupt: Literal["stop", "skip"] = "stop"

    @model_validator(mode="after")
    def _splits_fit(self) -> DatasetSpec:
        for name, split in self.splits.items():
            if name not in SPLITS:
                raise ValueError(f"splits.{name}: unknown split; valid: {', '.join(SPLITS)}")
            if self.format == "imagenet_list" and split.list is None:
                raise ValueError(f"splits.{name}.list: missing, but needed by format imagenet_list")
        if "validation" not in self.splits:
            raise ValueError("splits.validation: missing, but needed")
        calibration = self.splits.get("calibration")
        if calibration is not None and calibration.overlaps(self.splits["validation"]):
            raise ValueError("splits: calibration and validation overlap; give them other images or other portions")
        return self

    def source(self) -> SourceSpec:
        """Return what the download step needs of this data set."""
        return SourceSpec(files=self.files, generator=self.generator)

    def without_source(self) -> dict[str, Any]:
        """Return what the data mean, without where they come from: the part that readers of images depend on."""
        return self.model_dump(mode="json", exclude={"files", "generator", "description", "licence", "homepage"})
