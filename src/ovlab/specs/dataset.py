"""A data set: where its files come from, how they are laid out, and its disjoint splits."""

from __future__ import annotations

from itertools import combinations
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field, SerializeAsAny, model_validator

from ovlab.errors import OvlabError
from ovlab.specs.base import Spec
from ovlab.specs.by_task import FormatName, SpecByTask, TaskName, declared_tasks
from ovlab.specs.source import FileSpec, GeneratorSpec, SourceSpec

SPLITS = ("calibration", "control", "validation")


class SplitSpec(Spec):
    """One split of a data set.

    Attributes
    ----------
    images : str
        Folder of the images, relative to the unpacked data set; for ``voc`` the folder of ``JPEGImages``.
    list : str, optional
        Text file that lists the images (``imagenet_list``), relative to the unpacked data set.
    image_set : str, optional
        Name of a list in ``ImageSets/Main`` (``voc``).
    annotations : str, optional
        The JSON file (``coco``) or the folder of the labels (``yolo``; by default beside the images).
    format : str, optional
        Layout of this split, where it is not the data set's: calibration can do with ``images``.
    portion : pair of float
        Which part of the images to take, of all images in a fixed pseudo-random order. Two splits may share a
        folder if their portions do not overlap: ``[0, 0.2]`` and ``[0.2, 1]``.
    """

    images: str
    list: str | None = None
    image_set: str | None = None
    annotations: str | None = None
    format: FormatName | None = None
    portion: tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]] = (0.0, 1.0)

    @model_validator(mode="after")
    def _portion_is_not_empty(self) -> SplitSpec:
        if self.portion[0] >= self.portion[1]:
            raise ValueError(f"portion: {list(self.portion)} is empty, expected [low, high] with low < high")
        return self

    def overlaps(self, other: SplitSpec) -> bool:
        """Say whether two splits declare a common image."""

        def place(split: SplitSpec) -> tuple[str | None, ...]:
            return split.images, split.list, split.image_set, split.annotations

        same_place = place(self) == place(other)
        return same_place and self.portion[0] < other.portion[1] and other.portion[0] < self.portion[1]


class DatasetSpec(SpecByTask):
    """A data set's YAML file (``conf/dataset``): what all tasks share. Each task may add keys of its own.

    Attributes
    ----------
    task : str
        One of `ovlab.tasks.TASKS`.
    format : str
        Layout of the files; one of the task's.
    splits : dict
        ``validation``, ``calibration`` where a precision calibrates on it, and ``control`` where accuracy control is to
        judge on images of its own. No two of them may share an image.
    class_names : list of str, or str
        The names, or a text file in the data set with one class a line; by default the folders' names
        (``class_folders``) or the indices.
    metric : str, optional
        How the data set is scored, where the task leaves a choice.
    on_corrupt : {"stop", "skip"}
        What to do with an image that cannot be decoded. Skipped images are named in the record.
    """

    declared_as: ClassVar[Literal["model_spec", "dataset_spec"]] = "dataset_spec"

    description: str = ""
    files: tuple[FileSpec, ...] = ()
    generator: GeneratorSpec | None = None
    licence: str
    homepage: str | None = None
    task: TaskName
    format: FormatName
    metric: str | None = None
    splits: dict[str, SplitSpec]
    class_names: tuple[str, ...] | str | None = None
    on_corrupt: Literal["stop", "skip"] = "stop"

    def format_of(self, split: SplitSpec) -> str:
        """Return the layout of a split."""
        return split.format or self.format

    def is_labelled(self, split: SplitSpec) -> bool:
        """Say whether the layout of a split says what its images show."""
        return declared_tasks()[self.task].formats[self.format_of(split)].labelled

    @property
    def is_scored(self) -> bool:
        """Whether the data set has a metric. A task may leave that to its ``metric``."""
        return True

    @model_validator(mode="after")
    def _formats_fit(self) -> DatasetSpec:
        formats = declared_tasks()[self.task].formats
        for split in self.splits.values():
            if self.format_of(split) not in formats:
                raise ValueError(
                    f"format: {self.format_of(split)!r} is not for {self.task}; valid: {', '.join(formats)}"
                )
        if formats[self.format].needs_class_names and self.class_names is None:
            raise ValueError(f"class_names: missing, but needed by format {self.format}")
        return self

    @model_validator(mode="after")
    def _splits_fit(self) -> DatasetSpec:
        formats = declared_tasks()[self.task].formats
        for name, split in self.splits.items():
            if name not in SPLITS:
                raise ValueError(f"splits.{name}: unknown split; valid: {', '.join(SPLITS)}")
            layout = self.format_of(split)
            for key in formats[layout].needs:
                if getattr(split, key) is None:
                    raise ValueError(f"splits.{name}.{key}: missing, but needed by format {layout}")
        if "validation" not in self.splits:
            raise ValueError("splits.validation: missing, but needed")
        for first, second in combinations([name for name in SPLITS if name in self.splits], 2):
            if self.splits[first].overlaps(self.splits[second]):
                raise ValueError(f"splits: {first} and {second} overlap; give them other images or other portions")
        return self

    def control_split(self) -> str:
        """Return the split that accuracy control takes its images from: ``control``, else ``calibration``.

        Raises
        ------
        OvlabError
            If these images have no labels, or the data set no metric.
        """
        name = "control" if "control" in self.splits else "calibration"
        if name not in self.splits:
            raise OvlabError(
                "splits.control: missing, but needed by accuracy_control (or splits.calibration, to draw from)"
            )
        if not self.is_labelled(self.splits[name]):
            hint = "; declare splits.control with labels" if name == "calibration" else ""
            layout = self.format_of(self.splits[name])
            raise OvlabError(f"splits.{name}: format {layout} has no labels, but accuracy_control needs some{hint}")
        if not self.is_scored:
            raise OvlabError(
                "metric: missing, but needed by accuracy_control: its max_drop is in the data set's metric"
            )
        return name

    def without_control(self) -> DatasetSpec:
        """Return the data set without its control split: as all see it but accuracy control."""
        splits = {name: split for name, split in self.splits.items() if name != "control"}
        return self.model_copy(update={"splits": splits})

    def source(self) -> SourceSpec:
        """Return what the download step needs of this data set."""
        return SourceSpec(files=self.files, generator=self.generator)

    def without_source(self) -> dict[str, Any]:
        """Return what the data mean, without where they come from: the part that readers of images depend on."""
        return self.model_dump(mode="json", exclude={"files", "generator", "description", "licence", "homepage"})


AnyDatasetSpec: TypeAlias = SerializeAsAny[DatasetSpec]
"""A data set of any task, for the fields of other specs: written with its task's own keys."""
