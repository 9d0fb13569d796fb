"""Tell a prototxt for training or testing from one for deployment."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from ovlab.caffe.layer import Layer
from ovlab.errors import OvlabError

_FEEDS = ("Data",)
_JUDGES = ("Loss", "Accuracy", "Evaluate", "HDF5Output")


def check_is_deploy(path: Path, layers: Sequence[Layer], supported: Collection[str]) -> None:
    """Check that no layer of the test phase reads a data set or judges the network.

    Parameters
    ----------
    path : Path
        The prototxt, for the error.
    layers : sequence of Layer
        The layers of the test phase.
    supported : collection of str
        The layer types that can be built.

    Raises
    ------
    OvlabError
        There are such layers; they are named, with what has to be an input instead.
    """
    feeding = [layer for layer in layers if layer.type not in supported and layer.type.endswith(_FEEDS)]
    judging = [
        layer
        for layer in layers
        if layer.type not in supported and (layer.type.endswith(_JUDGES) or "Loss" in layer.type)
    ]
    if not feeding and not judging:
        return
    removed = {id(layer) for layer in (*feeding, *judging)}
    read = {bottom for layer in layers if id(layer) not in removed for bottom in layer.bottoms}
    fed = [top for layer in feeding for top in layer.tops if top in read]
    parts = [f"{what}: {_listed(some)}" for what, some in (("data", feeding), ("evaluation", judging)) if some]
    instead = f", and state the shape of {_quoted(fed)} in a layer of type 'Input'" if fed else ""
    raise OvlabError(
        f"{path}: is a prototxt for training or testing, expected a deploy one: remove its layers for "
        f"{' and for '.join(parts)}{instead}"
    )


def _listed(layers: Sequence[Layer]) -> str:
    return ", ".join(f"'{layer.name}' of type '{layer.type}' (line {layer.line})" for layer in layers)


def _quoted(names: Sequence[str]) -> str:
    return " and ".join(f"'{name}'" for name in dict.fromkeys(names))
