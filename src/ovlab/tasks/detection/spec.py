"""What a detector's outputs mean, and by which metric a data set of boxes is scored."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ovlab.errors import nearest
from ovlab.specs.base import Spec
from ovlab.specs.dataset import DatasetSpec
from ovlab.specs.model import ModelSpec

DetectionMetric = Literal["voc_2007", "voc_area", "coco"]
"""Pascal VOC's mAP by VOC2007's eleven points, by the area of VOC2010 and later, or COCO's AP. Null in a data set's
YAML (images without annotations) means that there is nothing to score: such a data set is for speed."""

BadBoxPolicy = Literal["stop", "clip", "skip"]
"""What to do with an annotated box that is not inside of its image, or empty."""


ExifPolicy = Literal["stored", "upright"]
"""Whether boxes refer to an image's pixels as stored, or to the image turned as its EXIF orientation says."""

RESIZE_MODES = ("stretch", "letterbox")
"""How an image may become the input: boxes must find their way back."""


class DetectionSpec(Spec):
    """A model's ``detection:`` section: from raw outputs to boxes of the data set's classes.

    Attributes
    ----------
    decoder : str
        Name of the function that reads the outputs: ``ssd``, ``fastestdet``, ``yolo``, ``boxes_scores_labels``, or one
        that `decoder_file` registers.
    parameters : dict
        Keyword parameters of that function; it checks them itself (`ovlab.tasks.detection.decoders.bind`).
    decoder_file : str, optional
        A Python file that registers a decoder of your own. It is executed: name only files that you trust.
    classes : list of str
        The model's classes in the order of its output, without a background class (a decoder's parameter ``background``
        says where the output has that).
    class_map : dict
        Model class to data set class, for names that differ. A model class that the data set lacks is dropped.
    score_threshold : float
        Detections below are dropped. Average precision is the area under a curve that low scores complete, so a
        threshold for display (0.3, say) makes it too low.
    nms_iou : float, optional
        Of two boxes of one class that overlap by more than this (intersection over union), the surer one stays. Null:
        the model has done that.
    max_detections : int
        The surest so many of an image are kept; COCO counts 100.
    clip : bool
        Whether boxes are cut off at the image's borders. Do as the model's authors do: it changes COCO's AP by points.
    """

    decoder: str
    parameters: dict[str, Any] = {}
    decoder_file: str | None = None
    classes: tuple[str, ...]
    class_map: dict[str, str] = {}
    score_threshold: Annotated[float, Field(ge=0, le=1)] = 0.001
    nms_iou: Annotated[float, Field(gt=0, le=1)] | None = None
    max_detections: Annotated[int, Field(gt=0)] = 100
    clip: bool = False

    @model_validator(mode="after")
    def _names_fit(self) -> DetectionSpec:
        if not self.classes:
            raise ValueError("classes: empty, expected the names of the model's classes in the order of its output")
        if len(set(self.classes)) != len(self.classes):
            twice = next(name for name in self.classes if self.classes.count(name) > 1)
            raise ValueError(f"classes: {twice!r} is there twice")
        for name in self.class_map:
            if name not in self.classes:
                raise ValueError(f"class_map: {name!r} is none of the model's classes{nearest(name, self.classes)}")
        return self


class DetectionModelSpec(ModelSpec):
    """A detector.

    Attributes
    ----------
    detection : DetectionSpec
        How the outputs become boxes.
    """

    detection: DetectionSpec

    @model_validator(mode="after")
    def _boxes_find_their_way_back(self) -> DetectionModelSpec:
        resize = self.preprocess.resize
        if resize.mode not in RESIZE_MODES or resize.size is not None:
            raise ValueError("preprocess.resize: task detection takes mode stretch (without size) or letterbox")
        return self


class DetectionDatasetSpec(DatasetSpec):
    """Images with their objects, or without annotations.

    Attributes
    ----------
    metric : str, optional
        ``voc_2007`` (11 points), ``voc_area`` or ``coco``; none for images without annotations, which serve for speed
        only.
    on_bad_box : {"stop", "clip", "skip"}
        What to do with an annotated box that is empty or leaves its image by more than a pixel.
    exif : {"stored", "upright"}, optional
        Which image the boxes refer to, and is taken: its pixels as stored, or turned as its EXIF orientation says.
        Default: ``upright`` for ``yolo``, whose tools turn images, ``stored`` for the others.
    """

    metric: DetectionMetric | None = None
    on_bad_box: BadBoxPolicy = "stop"
    exif: ExifPolicy | None = None

    @property
    def is_scored(self) -> bool:
        """Whether there is a metric."""
        return self.metric is not None

    @model_validator(mode="after")
    def _annotations_are_scored(self) -> DetectionDatasetSpec:
        annotated = self.is_labelled(self.splits["validation"])
        if annotated != self.is_scored:
            expected = "voc_2007, voc_area or coco" if annotated else "none, for images without annotations"
            raise ValueError(f"metric: {self.metric!r}, expected {expected}")
        return self
