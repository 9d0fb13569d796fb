"""How a virtual device divides a model or gathers requests, as OpenVINO reports it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import openvino as ov

from ovlab.measure.device.inspection import multiply_accumulates
from ovlab.runtime import core

# They hold or hand over what others compute.
HANDED_OVER = {"Constant", "Parameter", "Result"}


def operations_by_device(model: ov.Model, device: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Tell which operations ``HETERO`` gives to which device (``openvino.Core.query_model``).

    Parameters
    ----------
    model : openvino.Model
        What was compiled, with static shapes.
    device : str
        The device string, such as ``HETERO:GPU,CPU``.
    properties : mapping
        What it was compiled with.

    Returns
    -------
    dict
        Physical device to ``mac_share`` (its share of the multiply-accumulates in 0..1, None where the model has none
        to count) and ``operations`` (type to names); an operation that no device takes is under an empty name.
    """
    owners = core().query_model(model, device, dict(properties))
    split: dict[str, dict[str, list[str]]] = {}
    work: dict[str, int] = {}
    for op in model.get_ordered_ops():
        kind, name = op.get_type_name(), op.get_friendly_name()
        if kind in HANDED_OVER:
            continue
        owner = owners.get(name, "")
        split.setdefault(owner, {}).setdefault(kind, []).append(name)
        work[owner] = work.get(owner, 0) + multiply_accumulates(op)
    total = sum(work.values())
    return {
        owner: {"mac_share": work[owner] / total if total else None, "operations": dict(sorted(kinds.items()))}
        for owner, kinds in split.items()
    }


def gathered_requests(compiled: ov.CompiledModel, batch: int) -> int:
    """Return how many requests of `batch` images ``BATCH`` puts into one inference, from its runtime model's input."""
    shape = compiled.get_runtime_model().inputs[0].get_partial_shape()
    return int(shape[0].get_length()) // batch
