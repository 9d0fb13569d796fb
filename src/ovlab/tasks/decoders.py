"""The name under which decoder files of users import: ``from ovlab.tasks.decoders import decoder``."""

from ovlab.tasks.detection.decoders import (
    DECODERS,
    Decoder,
    Outputs,
    bind,
    boxes_scores_labels,
    decoder,
    fastestdet,
    load_decoders,
    ssd,
    suppress,
    yolo,
)

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
