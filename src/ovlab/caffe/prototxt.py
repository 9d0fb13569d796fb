"""Read the text form of a network: its inputs and the layers that run at test time."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from ovlab.caffe.layer import Layer, Shape
from ovlab.caffe.scan import Block, Source
from ovlab.caffe.schema import V1_TYPES, NetParameter
from ovlab.errors import OvlabError, nearest
from ovlab.files import marked_encoding, open_file

MOST_BYTES = 64 << 20
LONGEST_MESSAGE = 300


@dataclass(frozen=True)
class Net:
    """A network as the prototxt describes it.

    Attributes
    ----------
    name : str
        The network's name, may be empty.
    inputs : dict of str to tuple of int or None
        The inputs of the old ``input`` form and their shapes (None: the file states no shape). Inputs that are layers
        of type ``Input`` are among the layers.
    layers : list of Layer
        The layers of the test phase, in the file's order, without blobs.
    """

    name: str
    inputs: dict[str, Shape | None]
    layers: list[Layer]


def read_prototxt(path: Path, supported: Collection[str], own: Collection[str] = ()) -> Net:
    """Read a deploy prototxt in today's form (``layer``) or the V1 form (``layers``).

    Parameters
    ----------
    path : Path
        The prototxt.
    supported : collection of str
        The layer types that can be built; of layers of other types only the identity and phase are read.
    own : collection of str, optional
        Those of them that the user wrote a builder for: their layers carry all fields in ``settings``.

    Returns
    -------
    Net
        Inputs and test-phase layers.

    Raises
    ------
    OvlabError
        The file can't be read, is larger or deeper than any network, is not valid text, has an unknown field or value
        (file, line and layer are named), or mixes the two forms.
    """
    source = Source(_read_text(path), path)
    net = NetParameter()
    try:
        text_format.Parse(source.inference_text(supported, own), net)
    except text_format.ParseError as error:
        raise _explain(error, path, source.blocks) from error
    if net.layer and net.layers:
        raise OvlabError(f"{path}: has both 'layer' and V1 'layers' entries; expected one form")
    messages = list(net.layer) or [_upgrade(message) for message in net.layers]
    layers = [
        Layer(
            name=message.name,
            type=message.type,
            line=block.first_line,
            path=path,
            bottoms=tuple(message.bottom),
            tops=tuple(message.top),
            message=message,
            settings=source.settings(index) if message.type in own else {},
        )
        for index, (message, block) in enumerate(zip(messages, source.blocks, strict=True))
        if _runs(message, net.state)
    ]
    if not layers:
        raise OvlabError(f"{path}: holds no layer of the test phase; expected a Caffe deploy prototxt")
    return Net(net.name, _inputs(net, path), layers)


def _read_text(path: Path) -> str:
    try:
        with open_file(path) as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise OvlabError(f"{path}: cannot read the prototxt: {error.strerror or error}") from error
    if len(data) > MOST_BYTES:
        raise OvlabError(f"{path}: is larger than {MOST_BYTES >> 20} MiB, which no prototxt is")
    # Comments in other encodings are common and harmless.
    text = data.decode(marked_encoding(data) or "utf-8", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _explain(error: text_format.ParseError, path: Path, blocks: Sequence[Block]) -> OvlabError:
    """Turn a parser's error into one line with file, line, layer and the nearest valid name."""
    line = error.GetLine() or 0
    layer = next((f", layer '{b.name}' of type '{b.type}'" for b in blocks if b.first_line <= line <= b.last_line), "")
    # The parser quotes the line of the file between the position and the message.
    message = re.sub(r"^\d+:\d+ : ('.*': )?", "", str(error).replace("\n", " ")).rstrip(".")[:LONGEST_MESSAGE]
    messages = NetParameter.DESCRIPTOR.file.message_types_by_name
    if unknown := re.search(r'Message type "caffe\.(\w+)" has no field named "(\w+)"', message):
        kind, name = unknown.groups()
        message = f"unknown field '{name}' of {kind}{nearest(name, messages[kind].fields_by_name)}"
    elif unknown := re.search(r'Enum type "caffe\.(\w+)\.(\w+)" has no value named (\w+)', message):
        kind, enum, name = unknown.groups()
        values = messages[kind].enum_types_by_name[enum].values_by_name
        message = f"unknown value '{name}' in {kind}{nearest(name, values)}"
    return OvlabError(f"{path}, line {line}{layer}: {message}")


def _upgrade(old: Any) -> Any:
    """Bring a V1 layer into today's form (Caffe's ``UpgradeV1LayerParameter``)."""
    new = NetParameter().layer.add()
    types = old.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number
    new.type = V1_TYPES[types[old.type].name][1]
    for descriptor, value in old.ListFields():
        if descriptor.name == "name":
            new.name = value
        elif descriptor.name in ("bottom", "top", "include", "exclude"):
            getattr(new, descriptor.name).extend(value)
        elif descriptor.name != "type":
            getattr(new, descriptor.name).CopyFrom(value)
    return new


def _runs(message: Any, state: Any) -> bool:
    """Whether Caffe's include and exclude rules keep the layer at test time (``Net::FilterNet``)."""
    if message.include:
        return any(_meets(rule, state) for rule in message.include)
    return not any(_meets(rule, state) for rule in message.exclude)


def _meets(rule: Any, state: Any) -> bool:
    test = rule.DESCRIPTOR.fields_by_name["phase"].enum_type.values_by_name["TEST"].number
    return (
        (not rule.HasField("phase") or rule.phase == test)
        and (not rule.HasField("min_level") or state.level >= rule.min_level)
        and (not rule.HasField("max_level") or state.level <= rule.max_level)
        and set(rule.stage) <= set(state.stage)
        and not set(rule.not_stage) & set(state.stage)
    )


def _inputs(net: Any, path: Path) -> dict[str, Shape | None]:
    """Shapes of the old ``input`` fields: ``input_shape`` one an input, or ``input_dim`` four an input."""
    names = list(net.input)
    if net.input_shape and net.input_dim:
        raise OvlabError(f"{path}: has both 'input_shape' and 'input_dim'; expected one of them")
    if len(net.input_dim) % 4:
        raise OvlabError(f"{path}: has {len(net.input_dim)} values of 'input_dim'; expected four an input")
    dims = tuple(net.input_dim)
    shapes: list[Shape | None] = [tuple(shape.dim) for shape in net.input_shape]
    shapes += [dims[i : i + 4] for i in range(0, len(dims), 4)]
    if shapes and len(shapes) != len(names):
        raise OvlabError(f"{path}: has {len(names)} 'input' names and {len(shapes)} input shapes; expected as many")
    return dict(zip(names, shapes or [None] * len(names), strict=True))
