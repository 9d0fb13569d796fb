"""A model: where its files come from, how an image becomes its input, what its output means."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, SerializeAsAny, model_validator

from ovlab.specs.base import Spec
from ovlab.specs.by_task import SpecByTask, TaskName
from ovlab.specs.source import FileSpec, SourceSpec
from ovlab.text import shortened

Framework = Literal["onnx", "tensorflow", "tflite", "paddle", "pytorch", "ir", "caffe"]
Channels = tuple[float, ...]
MOST_NUMBERS = 10**11
"""No machine holds an input of more; a larger one is a typing error."""


class InputSpec(Spec):
    """The model's image input, as the original framework sees it.

    Attributes
    ----------
    name : str, optional
        Name of the input tensor; needed only where the model has several.
    layout : {"NCHW", "NHWC"}
        Order of the original model's axes.
    shape : list of int, optional
        Shape in that order, -1 for a dynamic dimension; by default as the model has it.
    """

    name: str | None = None
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    shape: tuple[int, int, int, int] | None = None

    @model_validator(mode="after")
    def _dimensions_make_sense(self) -> InputSpec:
        for size in self.shape or ():
            if size < 1 and size != -1:
                raise ValueError(
                    f"shape: {shortened(list(self.shape or ()))}: a dimension is a positive number, or -1 for dynamic"
                )
        numbers = math.prod(size for size in self.shape or () if size > 0)
        if numbers > MOST_NUMBERS:
            raise ValueError(
                f"shape: {shortened(list(self.shape or ()))}: {numbers:.1e} numbers in one image, expected at most "
                f"{MOST_NUMBERS:.0e}"
            )
        return self


class ResizeSpec(Spec):
    """How an image of any size becomes the input's size.

    Attributes
    ----------
    mode : {"stretch", "letterbox", "shorter_side", "none"}
        ``stretch`` ignores the aspect ratio; ``letterbox`` keeps it and pads; ``shorter_side`` scales the shorter side
        to `size`; ``none`` takes the image as it is. A central crop to the input's size follows where the result is
        larger. A task may take only some of them.
    size : int, optional
        Length of the shorter side in pixels; by default the input's.
    interpolation : {"linear", "area", "cubic", "nearest"}
        OpenCV's interpolation.
    anchor : {"centre", "corner"}
        ``letterbox`` pads on both sides alike, or only at the right and the bottom.
    pad : int
        Value of the padding, 0..255.
    """

    mode: Literal["stretch", "letterbox", "shorter_side", "none"] = "stretch"
    size: Annotated[int, Field(gt=0)] | None = None
    interpolation: Literal["linear", "area", "cubic", "nearest"] = "linear"
    anchor: Literal["centre", "corner"] = "centre"
    pad: Annotated[int, Field(ge=0, le=255)] = 114


class PreprocessSpec(Spec):
    """From an 8-bit image to the model's numbers: ``((pixel / 255 if unit_range else pixel) - mean) / scale``.

    Resizing happens where images are decoded; channel order, mean and scale are embedded in the IR.

    Attributes
    ----------
    resize : ResizeSpec
        How images get the input's size.
    channels : {"RGB", "BGR", "GRAY"}
        The channel order that the model was trained with.
    unit_range : bool
        Whether pixels are first divided by 255.
    mean, scale : list of float
        Per channel in the model's order, or one number for all.
    """

    resize: ResizeSpec = ResizeSpec()
    channels: Literal["RGB", "BGR", "GRAY"] = "RGB"
    unit_range: bool = False
    mean: Channels = (0.0,)
    scale: Channels = (1.0,)

    @model_validator(mode="after")
    def _one_number_a_channel(self) -> PreprocessSpec:
        count = 1 if self.channels == "GRAY" else 3
        for key in ("mean", "scale"):
            numbers = getattr(self, key)
            if len(numbers) not in {1, count}:
                raise ValueError(f"{key}: {list(numbers)} has {len(numbers)} numbers, expected 1 or {count}")
        if 0.0 in self.scale:
            raise ValueError("scale: division by 0")
        return self


class OutputSpec(Spec):
    """What the output means.

    Attributes
    ----------
    name : str, optional
        Name of the output tensor; needed only where the model has several.
    classes : int, optional
        Number of classes; the model's output is checked against it.
    label_offset : int
        The model's index of the data set's class 0: 1 for models with a background class, -1 where the data set counts
        from 1.
    """

    name: str | None = None
    classes: Annotated[int, Field(gt=1)] | None = None
    label_offset: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0


class CaffeSpec(Spec):
    """What a Caffe prototxt leaves open because the forks that read it differ.

    Attributes
    ----------
    prior_sizes : {"whole", "fractional"}
        Whether PriorBox cuts ``min_size`` and ``max_size`` to whole pixels, like Caffe's SSD fork, or takes them as
        they stand, like OpenCV. It matters for SSD512 and its kin.
    prior_densities : mapping of float to int
        For a ``min_size`` the number of boxes a direction that stand in a cell in place of one in its middle, like
        FaceBoxes' fork, which has them in its code: ``{32: 4, 64: 2}``.
    """

    prior_sizes: Literal["whole", "fractional"] = "whole"
    prior_densities: dict[Annotated[float, Field(gt=0)], Annotated[int, Field(ge=1, le=64)]] = {}


class ModelSpec(SpecByTask):
    """A model's YAML file (``conf/model``): what all tasks share. Each task adds its own section.

    Attributes
    ----------
    files : list of FileSpec
        The first is the file that the framework opens (a folder archive for SavedModel); others lie beside it.
    task : str
        One of `ovlab.tasks.TASKS`.
    extension : str, optional
        A Python file or a compiled library with operations of the model's own (an OpenVINO extension), or a Python file
        with builders of its own Caffe layers. It is executed: name only files that you trust.
    caffe : CaffeSpec, optional
        For framework caffe: choices between forks.
    entry : str, optional
        The path to open, where it is not the first file: the IR's ``.xml``, a SavedModel folder in an archive.
    tolerance : float
        Largest accepted difference between the IR's and ONNX Runtime's outputs, relative to the largest
        absolute output over the compared images. ONNX sources only.
    absolute_tolerance : float
        A difference up to this is accepted whatever the outputs' size, which may be near zero for all images.
    """

    declared_as: ClassVar[Literal["model_spec", "dataset_spec"]] = "model_spec"

    description: str = ""
    framework: Framework
    files: tuple[FileSpec, ...]
    entry: str | None = None
    extension: str | None = None
    caffe: CaffeSpec | None = None
    licence: str
    homepage: str | None = None
    task: TaskName
    dataset: str
    input: InputSpec = InputSpec()
    preprocess: PreprocessSpec = PreprocessSpec()
    output: OutputSpec = OutputSpec()
    tolerance: Annotated[float, Field(gt=0)] = 1e-3
    absolute_tolerance: Annotated[float, Field(ge=0)] = 1e-6

    @model_validator(mode="after")
    def _caffe_has_its_section(self) -> ModelSpec:
        if self.caffe is not None and self.framework != "caffe":
            raise ValueError(f"caffe: only for framework caffe, not for {self.framework}")
        return self

    @model_validator(mode="after")
    def _has_files(self) -> ModelSpec:
        if not self.files:
            raise ValueError("files: empty, expected the model's file")
        return self

    def source(self) -> SourceSpec:
        """Return what the download step needs of this model."""
        return SourceSpec(files=self.files)


AnyModelSpec: TypeAlias = SerializeAsAny[ModelSpec]
"""A model of any task, for the fields of other specs: written with its task's own section."""
