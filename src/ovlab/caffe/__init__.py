"""Read Caffe networks into OpenVINO, with neither Caffe nor OpenCV nor Model Optimizer.

`read_model` is all that users need. A further layer type is one function decorated with `layer_type` in one of the
modules imported here; see ``docs/caffe.md``.
"""

from ovlab.caffe import activation, convolution, elementwise, pooling, resize, shape, ssd  # noqa: F401  (they register)
from ovlab.caffe.layer import Layer, layer_type, supported_types
from ovlab.caffe.model import read_model

__all__ = ["Layer", "layer_type", "read_model", "supported_types"]
