"""Read Caffe networks into OpenVINO, with neither Caffe nor OpenCV nor Model Optimizer.

`read_model` is all that users need. A further layer type is one function decorated with `layer_type` in one of the
modules of ``layers``; see ``docs/caffe.md``.
"""

from ovlab.caffe.layer import Layer, ReadOptions, layer_type, supported_types
from ovlab.caffe.layers import (  # noqa: F401  (they register)
    activation,
    convolution,
    elementwise,
    normalisation,
    pooling,
    priors,
    recurrent,
    regions,
    resize,
    shape,
    ssd,
    yolo,
)
from ovlab.caffe.model import read_model

__all__ = ["Layer", "ReadOptions", "layer_type", "read_model", "supported_types"]
