"""The check without labels: how far a variant's outputs and layers are from the reference's on the same images.

Outputs: signal-to-noise ratio and cosine of the whole models. Layers of a quantised variant: the same along the graph,
where the noise of all layers before has accumulated; and each layer's *own* noise, with the reference's values as its
inputs. For the latter the graph is cut behind every layer, so that one inference takes all layers apart.

One model is compiled at a time, and so many layers at a time that what is kept of them stays below `BUDGET`.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovlab.data.images import Image
from ovlab.errors import one_line
from ovlab.runtime import core, precision_hint, read_ir, set_batch
from ovlab.validate.distance import Distance
from ovlab.validate.graph import Layer, Port, comparable_outputs, nodes_of, output_at, output_names, quantised_layers
from ovlab.validate.parts import parts_of

log = logging.getLogger("ovlab.validate")
BUDGET = 256e6
"""Bytes of the reference's results that are kept at once, of all images together."""

Values = dict[Port, list[NDArray[np.float32]]]


@dataclass(frozen=True)
class ComparedModel:
    """One of the two models.

    Attributes
    ----------
    ir : Path
        Its ``model.xml``.
    hint : str
        Floating-point type to run in (of `ovlab.runtime.choose_precision`).
    """

    ir: Path
    hint: str


def check_layers(
    reference: ComparedModel, variant: ComparedModel, images: Sequence[Image], device: str
) -> dict[str, Any]:
    """Compare outputs and quantised layers of a variant with its reference's.

    Parameters
    ----------
    reference, variant : ComparedModel
        The models.
    images : sequence of ndarray of uint8, shape (height, width, 3)
        What they are run on.
    device : str
        Where they are run.

    Returns
    -------
    dict
        Plain data: ``images`` (count), ``seconds``, ``outputs`` (name, cosine, snr_db, identical, and the same of
        ``parts`` that are of different size), ``layers`` in the
        order of execution (name, type, cosine, snr_db, own_snr_db, identical), and ``error`` where OpenVINO refused.
    """
    started = time.perf_counter()
    result: dict[str, Any] = {"images": len(images), "outputs": [], "layers": [], "error": ""}
    runner = _Runner(images, device)
    try:
        first, second = (read_compared(side) for side in (reference, variant))
        pairs, layers = comparable_outputs(first, second), quantised_layers(first, second)
        result["outputs"] = _outputs(runner, reference, variant, pairs, output_names(first))
        for group in _groups(layers, len(images)):
            result["layers"] += _layers(runner, reference, variant, group, {one.name: one for one in layers})
    except RuntimeError as error:
        # A model whose graph cannot be cut is a finding about the check, not about the variant.
        result["error"] = one_line(error)
        log.warning("layer check: %s", result["error"])
    result["seconds"] = time.perf_counter() - started
    return result


def read_compared(side: ComparedModel) -> ov.Model:
    """Read a model for one image."""
    model = read_ir(side.ir)
    set_batch(model, 1)
    return model


def compare_outputs(
    reference: ComparedModel, variant: ComparedModel, images: Sequence[Image], device: str
) -> list[dict[str, Any]]:
    """Compare outputs alone: see :func:`check_layers`, whose ``outputs`` these are.

    Raises
    ------
    RuntimeError
        If OpenVINO refuses.
    """
    first, second = (read_compared(side) for side in (reference, variant))
    pairs = comparable_outputs(first, second)
    return _outputs(_Runner(images, device), reference, variant, pairs, output_names(first))


class _Runner:
    """Runs one model after the other on the same images."""

    def __init__(self, images: Sequence[Image], device: str) -> None:
        self._images = [image[None] for image in images]
        self._device = device

    def run(self, model: ov.Model, hint: str, fed: Sequence[list[NDArray[Any]]] | None = None) -> Iterator[list[Any]]:
        """Compile a model and yield its outputs for each image; `fed` replaces the images as inputs."""
        settings = {"PERFORMANCE_HINT": "LATENCY"} | precision_hint(hint)
        request = core().compile_model(model, self._device, settings).create_infer_request()
        for number, image in enumerate(self._images):
            inputs = [image] if fed is None else [image if not one else one[number] for one in fed]
            request.infer(dict(enumerate(inputs)))
            yield [tensor.data for tensor in request.output_tensors]
        del request
        gc.collect()


def _outputs(
    runner: _Runner,
    reference: ComparedModel,
    variant: ComparedModel,
    pairs: Sequence[tuple[Port, Port]],
    names: dict[Port, str],
) -> list[dict[str, Any]]:
    if not pairs:
        return []
    kept = _values(runner, reference, [port for port, _ in pairs])
    parts = {port: parts_of(kept[port]) for port, _ in pairs}
    distances = [[Distance() for _ in (None, *parts[port])] for port, _ in pairs]
    for number, arrays in enumerate(runner.run(_tapped(variant, [own for _, own in pairs]), variant.hint)):
        for (port, _), array, (whole, *others) in zip(pairs, arrays, distances, strict=True):
            whole.add(kept[port][number], array)
            for part, distance in zip(parts[port], others, strict=True):
                distance.add(part.of(kept[port][number]), part.of(array))
    return [
        {"name": names.get(port, port.node)}
        | whole.plain()
        | {
            "parts": [
                {"axis": part.axis, "columns": part.title, "largest": part.largest} | distance.plain()
                for part, distance in zip(parts[port], others, strict=True)
            ]
        }
        for (port, _), (whole, *others) in zip(pairs, distances, strict=True)
    ]


def _layers(
    runner: _Runner, reference: ComparedModel, variant: ComparedModel, group: Sequence[Layer], known: dict[str, Layer]
) -> list[dict[str, Any]]:
    wanted = dict.fromkeys(one.reference for one in group)
    wanted |= dict.fromkeys(known[name].reference for one in group for name in one.inputs)
    kept = _values(runner, reference, list(wanted))
    distances: list[list[Distance]] = []
    sources = list(dict.fromkeys(name for one in group for name in one.inputs))
    model, from_image = _cut(variant, group, [known[name] for name in sources])
    fed = [kept[known[name].reference] for name in sources] + [[]] * from_image
    for tapped, inputs in ((_tapped(variant, [one.variant for one in group]), None), (model, fed)):
        sums = [Distance() for _ in group]
        for number, arrays in enumerate(runner.run(tapped, variant.hint, inputs)):
            for layer, array, distance in zip(group, arrays, sums, strict=True):
                distance.add(kept[layer.reference][number], array)
        distances.append(sums)
    return [
        {"name": layer.name, "type": layer.kind} | along.plain() | {"own_snr_db": own.snr_db}
        for layer, along, own in zip(group, *distances, strict=True)
    ]


def _values(runner: _Runner, side: ComparedModel, ports: list[Port]) -> Values:
    kept: Values = {port: [] for port in ports}
    for arrays in runner.run(_tapped(side, ports), side.hint):
        for port, array in zip(ports, arrays, strict=True):
            kept[port].append(np.array(array, np.float32))
    return kept


def _tapped(side: ComparedModel, ports: Sequence[Port]) -> ov.Model:
    """Return the model with these outputs only."""
    model = read_compared(side)
    nodes = nodes_of(model)
    return ov.Model([output_at(nodes, port) for port in ports], model.get_parameters(), "tapped")


def _cut(side: ComparedModel, group: Sequence[Layer], sources: Sequence[Layer]) -> tuple[ov.Model, bool]:
    """Return the model cut behind each source, with the group's results as outputs.

    Its inputs are the sources' results and, where a layer of the group takes it, the image: the second item.
    """
    model = read_compared(side)
    nodes = nodes_of(model)
    image, outputs = model.get_parameters(), [output_at(nodes, one.variant) for one in group]
    inputs = []
    for source in sources:
        port = output_at(nodes, source.variant)
        parameter = ov.opset13.parameter(port.get_shape(), port.get_element_type())
        for target in port.get_target_inputs():
            target.replace_source_output(parameter.output(0))
        inputs.append(parameter)
    needs_image = any(not one.inputs or _reaches(output, image) for one, output in zip(group, outputs, strict=True))
    return ov.Model(outputs, [*inputs, *(image if needs_image else [])], "cut"), needs_image


def _reaches(output: Any, parameters: Sequence[Any]) -> bool:
    names, seen = {one.get_friendly_name() for one in parameters}, set()
    waiting = [output.get_node()]
    while waiting:
        node = waiting.pop()
        name = node.get_friendly_name()
        if name in names:
            return True
        if name not in seen:
            seen.add(name)
            waiting += [port.get_source_output().get_node() for port in node.inputs()]
    return False


def _groups(layers: Sequence[Layer], images: int) -> Iterator[list[Layer]]:
    """Split the layers so that what each group keeps, its inputs included, stays below the budget."""
    sizes = {layer.name: layer.size for layer in layers}
    group: list[Layer] = []
    kept: set[str] = set()
    for layer in layers:
        together = kept | {layer.name, *layer.inputs}
        if group and images * sum(sizes[name] for name in together) > BUDGET:
            yield group
            group, together = [], {layer.name, *layer.inputs}
        group, kept = [*group, layer], together
    if group:
        yield group
