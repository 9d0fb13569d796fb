"""The memory that a model takes, estimated before anything is loaded."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import openvino as ov

from ovlab.errors import OvlabError
from ovlab.memory import available_memory
from ovlab.runtime import set_batch

GIGABYTE = 10**9


@dataclass(frozen=True)
class Footprint:
    """Bytes that one inference is estimated to need.

    Attributes
    ----------
    weights : int
        Constants, as the IR stores them.
    activations : int
        The largest amount of intermediate results that are alive at once, in the order of the graph, where an
        operation may write over an input of the same size that nobody else reads. Outputs of dynamic shape, scratch
        space and packed weights count nothing, so a device mostly takes more; less where it fuses operations.
    """

    weights: int
    activations: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.weights + self.activations


def footprint(model: ov.Model) -> Footprint:
    """Estimate the memory of one inference.

    Parameters
    ----------
    model : openvino.Model
        With the batch that it is to run in.
    """
    ops = model.get_ordered_ops()
    constant = {op.get_name() for op in ops if op.get_type_name() == "Constant"}
    weights = sum(_size(op.output(0)) for op in ops if op.get_name() in constant)
    readers: Counter[Any] = Counter()
    for op in ops:
        # What is computed from constants alone is folded when compiling.
        sources = [one.get_source_output() for one in op.inputs()]
        if sources and all(source.get_node().get_name() in constant for source in sources):
            constant.add(op.get_name())
        readers.update(_key(source) for source in sources)
    live = peak = 0
    for op in ops:
        if op.get_name() in constant:
            continue
        ending = []
        for port in op.inputs():
            source = port.get_source_output()
            readers[_key(source)] -= 1
            if source.get_node().get_name() not in constant and not readers[_key(source)]:
                ending.append(_size(source))
        made = [_size(port) for port in op.outputs()] if op.get_type_name() != "Result" else []
        kept = list(ending)
        fresh = 0
        for size in made:
            if size in kept:
                kept.remove(size)  # written in place
            else:
                fresh += size
        peak = max(peak, live + fresh)
        live += sum(made) - sum(ending)
    return Footprint(weights, peak)


def _key(port: Any) -> tuple[str, int]:
    return port.get_node().get_name(), port.get_index()


def _size(port: Any) -> int:
    shape = port.get_partial_shape()
    if shape.is_dynamic:
        return 0
    bits: int = math.prod(shape.to_shape()) * port.get_element_type().bitwidth
    return math.ceil(bits / 8)


def require_memory(model: ov.Model, batch: int, images: int) -> None:
    """Refuse a model that cannot fit, before a launch is killed for it.

    Parameters
    ----------
    model : openvino.Model
        The IR; it is given the batch.
    batch : int
        Images in one inference.
    images : int
        Inputs that a launch keeps at hand, each of a whole batch.

    Raises
    ------
    OvlabError
        If the model cannot take the batch, or needs more memory than there is.
    """
    set_batch(model, batch)
    found = footprint(model)
    inputs = images * _size(model.inputs[0])
    available = available_memory()
    if found.total + inputs > available:
        raise OvlabError(
            f"batch: {batch} takes an estimated {_amount(found.total + inputs)} of memory (weights "
            f"{_amount(found.weights)}, activations {_amount(found.activations)}, {images} inputs "
            f"{_amount(inputs)}), but {_amount(available)} is available"
        )


def _amount(size: int) -> str:
    return f"{size / 1e9:.3g} GB" if size >= GIGABYTE else f"{size / 1e6:.3g} MB"
