"""What a layer's builder gets, and the table of builders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovlab.errors import OvlabError, nearest

Shape: TypeAlias = tuple[int, ...]
Blob: TypeAlias = NDArray[np.float32]
Build: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class ReadOptions:
    """What a prototxt leaves open because forks of Caffe that read it differ.

    Attributes
    ----------
    fractional_sizes : bool
        Whether PriorBox takes ``min_size`` and ``max_size`` as they stand, like OpenCV; otherwise it cuts them to whole
        pixels, like Caffe's SSD fork.
    densities : mapping of float to int
        For a ``min_size`` the number of boxes a direction that PriorBox spreads over a cell in place of the one in its
        middle, like FaceBoxes' fork, whose prototxt does not say it: ``{32: 4, 64: 2}``.
    """

    fractional_sizes: bool = False
    densities: Mapping[float, int] = field(default_factory=dict)


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
    settings : dict
        For a type that the user wrote a builder for: all its fields as plain values, those that Caffe does not know
        included. A field that stands there several times is a list.
    options : ReadOptions
        Choices that the prototxt leaves open.
    """

    name: str
    type: str
    line: int
    path: Path
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    message: Any
    blobs: Sequence[Blob] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: ReadOptions = field(default_factory=ReadOptions)
    _read: set[int] = field(default_factory=set, repr=False)

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
        self._read.add(index)
        if shape is None:
            return blob
        if blob.size != np.prod(shape, dtype=np.int64):
            raise self.error(f"blob {index} ({what}) has shape {blob.shape}; expected {shape}")
        return blob.reshape(shape)

    def skip_blobs(self) -> None:
        """Say that the layer's blobs are known but have no part in what it computes."""
        self._read.update(range(len(self.blobs)))

    def check_blobs(self) -> None:
        """Check that every blob was read.

        Raises
        ------
        OvlabError
            The caffemodel holds more than the layer reads: what it computes would not be what was trained.
        """
        surplus = [index for index in range(len(self.blobs)) if index not in self._read]
        if surplus:
            shapes = ", ".join(f"blob {index} of shape {self.blobs[index].shape}" for index in surplus)
            raise self.error(
                f"the caffemodel holds {len(self.blobs)} blobs for it, but with its settings in the prototxt it reads "
                f"{len(self._read)}: not {shapes}"
            )

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
MEANT = "; did you mean"
ELSEWHERE = "; docs/caffe.md has the types that are, and how a file of your own adds one"

# The package of the builders that come with ovlab; a builder from anywhere else is the user's own.
_BUILT_IN = f"{__package__}.layers."


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


def own_types() -> list[str]:
    """Return the layer types that have a builder of the user's own, sorted."""
    return sorted(name for name, builder in _BUILDERS.items() if not builder.build.__module__.startswith(_BUILT_IN))


def forget_own_types() -> None:
    """Take out the user's own layer types, before another file of theirs is executed."""
    for name in own_types():
        del _BUILDERS[name]


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
        fit, a blob is left over, OpenVINO refuses its operations or a user's builder fails; the layer, its type and its
        line are named.
    """
    builder = _BUILDERS.get(layer.type)
    if builder is None:
        meant = nearest(layer.type, _BUILDERS)
        # The hundred types that there are would hide the answer.
        raise layer.error("this type is not supported" + (meant if meant.startswith(MEANT) else ELSEWHERE))
    for what, names, (least, most) in (
        ("bottoms", layer.bottoms, builder.bottoms),
        ("tops", layer.tops, builder.tops),
    ):
        if len(names) < least or (most is not None and len(names) > most):
            expected = f"{least}" if least == most else f"{least} or more" if most is None else f"{least} to {most}"
            raise layer.error(f"has {len(names)} {what}; expected {expected}")
    try:
        built = builder.build(layer, *bottoms)
    except OvlabError:
        raise
    except Exception as error:  # OpenVINO's own when shapes don't fit together, anything from a user's builder
        what = "its builder failed" if layer.type in own_types() else "its bottoms or settings don't fit together"
        raise layer.error(f"{what}: {_last_line(error)}") from error
    layer.check_blobs()
    results = built if isinstance(built, list) else [built]
    return [result.output(0) if isinstance(result, ov.Node) else result for result in results]


def _last_line(error: Exception) -> str:
    """Return the line of an OpenVINO error that says what is wrong: the last one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
