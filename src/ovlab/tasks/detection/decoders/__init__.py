"""Decoders: from a detector's raw outputs to boxes, chosen by name in the model's YAML.

A decoder is a small pure function for one image::

    @decoder("mine")
    def mine(outputs, *, width, height, classes, **own_parameters) -> Detections: ...

`outputs` are arrays by tensor name, with the batch axis of 1; `width` and `height` are the input's size in pixels and
`classes` the number of the model's classes without the background. It returns boxes ``xmin, ymin, xmax, ymax`` in
pixels of the input. Dropping low scores, suppressing overlaps and mapping back to the image are done once for all of
them, in `ovlab.tasks.detection.evaluator`.
"""

from ovlab.tasks.detection.decoders.arrays import boxes_scores_labels
from ovlab.tasks.detection.decoders.fastestdet import fastestdet
from ovlab.tasks.detection.decoders.nms import suppress
from ovlab.tasks.detection.decoders.registry import DECODERS, Decoder, Outputs, bind, decoder, load_decoders
from ovlab.tasks.detection.decoders.ssd import ssd
from ovlab.tasks.detection.decoders.yolo import yolo

__all__ = [
    "DECODERS",
    "Decoder",
    "Outputs",
    "bind",
    "boxes_scores_labels",
    "decoder",
    "fastestdet",
    "load_decoders",
    "ssd",
    "suppress",
    "yolo",
]
