"""Put a network together: prototxt and caffemodel to an OpenVINO model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset14 as op

from ovlab.caffe.deploy import check_is_deploy
from ovlab.caffe.fold import fold_affine
from ovlab.caffe.layer import Layer, ReadOptions, Shape, build_layer, own_types, supported_types
from ovlab.caffe.prototxt import Net, read_prototxt
from ovlab.caffe.weights import read_caffemodel
from ovlab.errors import OvlabError, nearest
from ovlab.specs.model import MOST_NUMBERS
from ovlab.text import shortened


def read_model(
    prototxt: Path,
    caffemodel: Path,
    *,
    batch: int | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    image_shape: Sequence[int] | None = None,
    outputs: Sequence[str] = (),
    options: ReadOptions | None = None,
) -> ov.Model:
    """Read a Caffe network as an OpenVINO model.

    Parameters
    ----------
    prototxt : Path
        The deploy prototxt, in today's or the V1 form.
    caffemodel : Path
        The weights, matched to the layers by name.
    batch : int, optional
        The number of images of an inference, in place of the first dimension that the prototxt gives the inputs. The
        model can also be reshaped to another batch later, where its Reshape layers don't fix it.
    input_shapes : mapping of str to sequence of int, optional
        Shapes of inputs, in place of the prototxt's.
    image_shape : sequence of int, optional
        The shape of the only input of four axes, whatever its name is, in place of the prototxt's. -1 keeps what the
        prototxt says of that axis.
    outputs : sequence of str, optional
        Tops to make outputs of in addition to the network's own, in this order. Of a top that several layers write in
        place it is the last state.
    options : ReadOptions, optional
        Choices that the prototxt leaves open.

    Returns
    -------
    openvino.Model
        Inputs and outputs are named like Caffe's blobs (as are all tensors that are some layer's top), operations like
        layers: the last operation of a layer has its name, those before it the name, a slash and the operation's type.
        Inputs are float32, in Caffe's order of axes.

    Raises
    ------
    OvlabError
        A file can't be read or understood, the prototxt is one for training or testing, a layer's type is not
        supported, a blob is missing, left over or does not fit, a bottom is made by no earlier layer, or a name in
        ``outputs`` or ``input_shapes`` does not exist. Errors in a layer name the file, the line, the layer and its
        type.
    """
    if batch is not None and batch < 1:
        raise OvlabError(f"batch is {batch}; expected at least 1")
    supported = [*supported_types(), "Input"]
    net = read_prototxt(prototxt, supported, own_types())
    check_is_deploy(prototxt, net.layers, supported)
    weights = read_caffemodel(caffemodel)
    graph = _Graph()
    given = dict(input_shapes or {})
    if image_shape is not None:
        name, shape = _image_input(net, str(prototxt))
        given[name] = [old if new == -1 else new for new, old in zip(image_shape, shape, strict=True)]
    for name, declared in net.inputs.items():
        graph.add_input(name, name, _input_shape(f"{prototxt}: input '{name}'", given.pop(name, declared), batch))
    for layer in net.layers:
        if layer.type == "Input":
            for top, declared in _declared(layer).items():
                where = f"{prototxt}, line {layer.line}: input '{top}'"
                name = layer.name if len(layer.tops) == 1 else top
                graph.add_input(name, top, _input_shape(where, given.pop(top, declared), batch))
        else:
            layer.blobs = weights.get(layer.name, ())
            layer.options = options or ReadOptions()
            try:
                graph.add_layer(layer)
            except OvlabError as error:
                raise OvlabError(f"{error}{graph.placeholder_hint()}") from error
    if given:
        raise OvlabError(f"{prototxt}: has no input '{next(iter(given))}'{nearest(next(iter(given)), graph.inputs)}")
    return graph.model(net.name or prototxt.stem, outputs, str(prototxt))


def _image_input(net: Net, where: str) -> tuple[str, Shape]:
    """Return name and shape of the only input that can be an image: of four axes, or of a shape that is not stated."""
    inputs = dict(net.inputs)
    for layer in net.layers:
        if layer.type == "Input":
            inputs |= _declared(layer)
    images = {name: shape or (-1,) * 4 for name, shape in inputs.items() if shape is None or len(shape) == 4}
    if len(images) != 1:
        names = ", ".join(f"'{name}'" for name in inputs) or "none"
        raise OvlabError(f"{where}: expected one input of four axes, found {len(images)} (inputs: {names})")
    return next(iter(images.items()))


def _declared(layer: Layer) -> dict[str, Shape | None]:
    """Shapes that an Input layer states for its tops: one each, or one for all."""
    shapes: list[Shape | None] = [tuple(shape.dim) for shape in layer.message.input_param.shape]
    if len(shapes) <= 1:
        shapes = (shapes or [None]) * len(layer.tops)
    if len(shapes) != len(layer.tops):
        raise layer.error(f"has {len(layer.tops)} tops and {len(shapes)} shapes; expected as many, or one shape")
    return dict(zip(layer.tops, shapes, strict=True))


def _input_shape(where: str, shape: Sequence[int] | None, batch: int | None) -> list[int]:
    if shape is None:
        raise OvlabError(f"{where}: the prototxt states no shape; give one with input_shapes")
    dims = list(shape) if batch is None else [batch, *list(shape)[1:]]
    if not dims or min(dims) < 1:
        raise OvlabError(f"{where}: has shape {dims}; expected positive lengths")
    if math.prod(dims) > MOST_NUMBERS:
        raise OvlabError(f"{where}: has shape {shortened(dims)}; expected at most {MOST_NUMBERS:.0e} numbers")
    return dims


class _Graph:
    """The operations made so far, and which tensor each blob's name stands for at this point of the file."""

    def __init__(self) -> None:
        self.inputs: dict[str, ov.Node] = {}
        self._tensors: dict[str, ov.Output] = {}
        self._unread: dict[str, None] = {}  # tops that no layer has read yet, in order
        self._named: set[str] = set()  # unique names of nodes that have their friendly name

    def add_input(self, name: str, top: str, shape: list[int]) -> None:
        """Add an input of the given friendly and tensor name."""
        node = op.parameter(shape, np.float32, name=name)
        node.set_layout(ov.Layout("NCHW" if len(shape) == 4 else "N..."))
        self.inputs[top] = node
        self._tensors[top] = node.output(0)
        self._named.add(node.get_name())

    def placeholder_hint(self) -> str:
        """Return what ends the error of a layer where an input's stated shape may be the reason, else nothing."""
        small = [name for name, node in self.inputs.items() if list(node.get_partial_shape())[2:] == [1, 1]]
        if not small:
            return ""
        return f" (the prototxt gives input '{small[0]}' 1 x 1 pixels, a placeholder: state the shape, input.shape)"

    def add_layer(self, layer: Layer) -> None:
        """Build a layer on what its bottoms stand for now."""
        bottoms = []
        for bottom in layer.bottoms:
            if bottom not in self._tensors:
                raise layer.error(f"no earlier layer makes its bottom '{bottom}'{nearest(bottom, self._tensors)}")
            bottoms.append(self._tensors[bottom])
        results = build_layer(layer, bottoms)
        self._name_nodes(layer.name, results)
        for bottom in layer.bottoms:
            self._unread.pop(bottom, None)
        for top, result in zip(layer.tops, results, strict=True):
            self._tensors[top] = result
            self._unread[top] = None

    def _name_nodes(self, name: str, results: Sequence[ov.Output]) -> None:
        """Give a layer's new nodes their friendly names."""
        counts: dict[str, int] = {}
        pending = [result.get_node() for result in results]
        last = {node.get_name() for node in pending}
        while pending:
            node = pending.pop()
            if node.get_name() in self._named:
                continue
            self._named.add(node.get_name())
            pending += [source.get_source_output().get_node() for source in node.inputs()]
            inner = f"{name}/{node.get_type_name()}"
            counts[inner] = counts.get(inner, 0) + 1
            if node.get_name() in last:
                node.set_friendly_name(name)
            else:
                node.set_friendly_name(inner if counts[inner] == 1 else f"{inner}_{counts[inner]}")

    def model(self, name: str, extra: Sequence[str], where: str) -> ov.Model:
        """Close the graph: outputs are the tops that no layer reads, and the extra ones."""
        for top in extra:
            if top not in self._tensors:
                raise OvlabError(f"{where}: has no top '{top}' to make an output of{nearest(top, self._tensors)}")
        for top, tensor in self._tensors.items():
            tensor.get_tensor().add_names({top})
        results = []
        for top in dict.fromkeys([*self._unread, *extra]):
            result = op.result(self._tensors[top])
            result.set_friendly_name(f"{top}/result")
            results.append(result)
        if not results:
            raise OvlabError(f"{where}: has no outputs; expected a top that no layer reads")
        model = ov.Model(results, list(self.inputs.values()), name)
        fold_affine(model)
        return model
