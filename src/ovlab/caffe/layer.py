"""What a layer's builder gets, and the table of builders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovlab.errors import OvlabError, nearest

Shape: TypeAlias = tuple[int, ...]
Blob: TypeAlias = NDArray[np.float32]
Build: TypeAlias = Callable[..., Any]


@dataclass
class Layer:
    """One layer of a network.

    Attributes
    ----------
    name, type : str
        As in the prototxt; the type in today's spelling, whatever the form of the file.
    line : int
        Line of the prototxt on which the layer starts.
    path : Path
        The prototxt, for errors.
    bottoms, tops : tuple of str
        Names of what it reads and of what it makes.
    message : protobuf message
        Its ``LayerParameter``.
    blobs : sequence of ndarray
        Its weights, float32, in Caffe's order; empty for a layer that has none.
    """

    name: str
    type: str
    line: int
    path: Path
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    message: Any
    blobs: Sequence[Blob] = ()

    def error(self, problem: str) -> OvlabError:
        """Make an error that says where it is.

        Parameters
        ----------
        problem : str
            What is wrong, and what was expected.

        Returns
        -------
        OvlabError
            To be raised.
        """
        return OvlabError(f"{self.path}, line {self.line}: layer '{self.name}' of type '{self.type}': {problem}")

    def blob(self, index: int, what: str, shape: Shape | None = None) -> Blob:
        """Return one of the layer's blobs, checked.

        Parameters
        ----------
        index : int
            Its place among the layer's blobs.
        what : str
            What it is, for errors: ``"weights"``.
        shape : tuple of int, optional
            The shape to bring it into. The number of values has to fit; the stored shape need not, since old files
            write every blob with four axes.

        Returns
        -------
        ndarray
            The values, float32.

        Raises
        ------
        OvlabError
            The caffemodel has no such blob, or it has another number of values.
        """
        if index >= len(self.blobs):
            raise self.error(f"the caffemodel has no blob {index} ({what}) for it; it holds {len(self.blobs)}")
        blob = self.blobs[index]
        if shape is None:
            return blob
        if blob.size != np.prod(shape, dtype=np.int64):
            raise self.error(f"blob {index} ({what}) has shape {blob.shape}; expected {shape}")
        return blob.reshape(shape)

    def shape(self, tensor: ov.Output) -> Shape:
        """Return a tensor's shape.

        Parameters
        ----------
        tensor : openvino.Output
            One of the layer's bottoms.

        Returns
        -------
        tuple of int
            Its shape.

        Raises
        ------
        OvlabError
            A dimension is not known when the network is built.
        """
        shape = tensor.get_partial_shape()
        if shape.is_dynamic:
            raise self.error(f"needs a fixed shape, its bottom has {shape}")
        return tuple(shape.to_shape())

    def channels(self, tensor: ov.Output) -> int:
        """Return the length of a tensor's second axis.

        Parameters
        ----------
        tensor : openvino.Output
            One of the layer's bottoms.

        Returns
        -------
        int
            Number of channels.

        Raises
        ------
        OvlabError
            It has fewer than two axes.
        """
        shape = self.shape(tensor)
        if len(shape) < 2:
            raise self.error(f"its bottom has shape {shape}; expected batch, channels and more")
        return shape[1]

    def axis(self, axis: int, rank: int) -> int:
        """Count a possibly negative axis from the front.

        Parameters
        ----------
        axis : int
            An axis as the prototxt has it, negative from the end.
        rank : int
            Number of axes.

        Returns
        -------
        int
            0 to ``rank - 1``.

        Raises
        ------
        OvlabError
            There is no such axis.
        """
        if not -rank <= axis < rank:
            raise self.error(f"axis {axis} does not exist; expected {-rank} to {rank - 1}")
        return axis % rank


@dataclass(frozen=True)
class _Builder:
    build: Build
    bottoms: tuple[int, int | None]
    tops: tuple[int, int | None]


_BUILDERS: dict[str, _Builder] = {}


def layer_type(
    *names: str, bottoms: tuple[int, int | None] = (1, 1), tops: tuple[int, int | None] = (1, 1)
) -> Callable[[Build], Build]:
    """Register the decorated function as the builder of one or more layer types.

    The function gets the `Layer` and one `openvino.Output` a bottom, and returns the node or output of its top, or a
    list with one a top. Nodes and tensors are named by the caller.

    Parameters
    ----------
    *names : str
        The type names.
    bottoms, tops : tuple of int and (int or None)
        How many of them the type takes, lowest and highest number; None: any number.

    Returns
    -------
    callable
        The decorator; it returns the function as it is.
    """

    def register(build: Build) -> Build:
        for name in names:
            if name in _BUILDERS:
                raise ValueError(f"layer type '{name}' is registered twice")
            _BUILDERS[name] = _Builder(build, bottoms, tops)
        return build

    return register


def supported_types() -> list[str]:
    """Return the names of the layer types that have a builder, sorted."""
    return sorted(_BUILDERS)


def build_layer(layer: Layer, bottoms: Sequence[ov.Output]) -> list[ov.Output]:
    """Build the operations of a layer.

    Parameters
    ----------
    layer : Layer
        The layer.
    bottoms : sequence of openvino.Output
        What it reads.

    Returns
    -------
    list of openvino.Output
        One a top.

    Raises
    ------
    OvlabError
        The type is not supported, it has another number of bottoms or tops than it takes, its settings or blobs don't
        fit, or OpenVINO refuses its operations; the layer, its type and its line are named.
    """
    builder = _BUILDERS.get(layer.type)
    if builder is None:
        raise layer.error(f"this type is not supported{nearest(layer.type, _BUILDERS)}")
    for what, names, (least, most) in (
        ("bottoms", layer.bottoms, builder.bottoms),
        ("tops", layer.tops, builder.tops),
    ):
        if len(names) < least or (most is not None and len(names) > most):
            expected = f"{least}" if least == most else f"{least} or more" if most is None else f"{least} to {most}"
            raise layer.error(f"has {len(names)} {what}; expected {expected}")
    try:
        built = builder.build(layer, *bottoms)
    except RuntimeError as error:  # what OpenVINO raises when shapes don't fit together
        raise layer.error(f"its bottoms or settings don't fit together: {_last_line(error)}") from error
    results = built if isinstance(built, list) else [built]
    return [result.output(0) if isinstance(result, ov.Node) else result for result in results]


def _last_line(error: Exception) -> str:
    """Return the line of an OpenVINO error that says what is wrong: the last one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
