"""Names that OpenVINO gives by itself, made the same in every process: equal models have equal files.

A node without a name of its own is called by its type and a number that counts all nodes that the process has made,
other models' too (``Constant_77236``). How many those are depends on threads and on what ran before.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import openvino as ov

# As OpenVINO builds a name from a type; what NNCF adds for nodes of its own follows a slash.
_AUTOMATIC = re.compile(r"([A-Za-z][A-Za-z0-9_]*_\d+)(/.*)?")


def names_of(model: ov.Model) -> frozenset[str]:
    """Return the names of a model's nodes, those inside of loops and conditions included."""
    return frozenset(op.get_friendly_name() for part in _parts(model) for op in part.get_ops())


def name_by_position(model: ov.Model, base: Collection[str] = ()) -> None:
    """Name the nodes that have no name of their own by their type and position, in place.

    Names that a framework, a user or an earlier variant gave stay, of nodes and of tensors (by which inputs and outputs
    are known).

    Parameters
    ----------
    model : openvino.Model
        About to be saved.
    base : collection of str
        The names in the model that this one was made from. They stay with the nodes that have them, and no other node
        gets one of them, so that a name means the same layer in both. What is not among them and looks automatic is: a
        pass that replaces a node hands its automatic name on to another one.
    """
    parts = list(_parts(model))
    # A position counts on through the parts, so that no two of them have a name in common.
    ops = [op for part in parts for op in part.get_ordered_ops()]
    names = [op.get_friendly_name() for op in ops]
    taken = {*base, *(name for op, name in zip(ops, names, strict=True) if not _is_automatic(op, name, base))}
    new: dict[str, str] = {}
    for position, (op, name) in enumerate(zip(ops, names, strict=True)):
        if name not in taken:
            new[name] = _unused(f"{op.get_type_name()}_{position}", taken)
            op.set_friendly_name(new[name])
            _name_tensor(op, new[name])
    for op, name in zip(ops, names, strict=True):
        found = _AUTOMATIC.fullmatch(name)
        if found and found[2] and found[1] in new and name not in base:
            op.set_friendly_name(_unused(f"{new[found[1]]}{found[2]}", taken))
    for number, part in enumerate(parts):
        if part.get_friendly_name() == part.get_name():
            part.set_friendly_name(f"Model{number}")


def _is_automatic(op: Any, name: str, base: Collection[str]) -> bool:
    if name in base:
        return False
    found = _AUTOMATIC.fullmatch(name)
    return name == op.get_name() or bool(base and found and not found[2])


def _name_tensor(op: Any, name: str) -> None:
    """Give the tensor of an input or output that is called like its node the node's new name too."""
    if op.get_type_name() in {"Parameter", "Result"} and op.get_name() in op.output(0).get_names():
        op.output(0).set_names(op.output(0).get_names() - {op.get_name()} | {name})


def _unused(name: str, taken: set[str]) -> str:
    """Return a name that none has yet, and take it."""
    chosen, count = name, 1
    while chosen in taken:
        chosen, count = f"{name}.{count}", count + 1
    taken.add(chosen)
    return chosen


def _parts(model: ov.Model) -> Iterator[ov.Model]:
    """Yield a model and the bodies of its loops and conditions, from the outside in."""
    yield model
    for op in model.get_ordered_ops():
        if hasattr(op, "get_then_body"):
            yield from _parts(op.get_then_body())
            yield from _parts(op.get_else_body())
        elif hasattr(op, "get_function"):
            yield from _parts(op.get_function())
