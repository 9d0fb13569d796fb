"""Run a model over a split: images are decoded in threads while others are inferred."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import openvino as ov
import pandas as pd
import pyarrow as pa
from tqdm import tqdm

from ovlab.data import Batch, Split, load_ahead, skip_or_stop
from ovlab.errors import OvlabError, one_line
from ovlab.measure.device.inspection import multiply_accumulates
from ovlab.measure.device.properties import compile_properties, members_of, require_device, require_named_device
from ovlab.runtime import bind_input, choose_precision, core, precision_hint, set_batch
from ovlab.specs import ScenarioSpec, ValidateSettings
from ovlab.tasks import Evaluator
from ovlab.usercode.activity import UserCode

log = logging.getLogger("ovlab.validate")
REPORT_EVERY_S = 10.0
ROWS_AT_ONCE = 1024
SMALL_MACS = 1e8
"""Multiply-accumulates below which several images go together: what is done once for each inference (starting it,
handing over its images and its results) is not small beside such a model."""
BATCH_MACS = 1.4e9
"""Multiply-accumulates of an inference of small models; measured for ResNet-20 (41 million an image)."""
MOST_IMAGES = 32
TOLERANCE = 1e-2


def validation_properties(settings: ValidateSettings) -> tuple[str, dict[str, Any]]:
    """Return in which floating-point type a variant is validated, and the properties that it is compiled with.

    Without a device's file it is the plain string ``validation.device``; with one, the file's properties count, as
    they do in a session. ``AUTO`` is told not to begin on the CPU while another device still compiles: accuracy would
    be that of both.

    Returns
    -------
    hint : str
        Of `ovlab.runtime.choose_precision`; of a virtual device that of its members, joined by ``+`` if they differ.
    options : dict
        For ``openvino.Core.compile_model``.

    Raises
    ------
    UnavailableError
        If the device is not on this host, or does not execute the precision.
    OvlabError
        If OpenVINO knows no such device.
    """
    device, precision = settings.device, settings.precision
    if device is None:
        name = settings.validation.device
        require_named_device(name, "validation.device")
        hint = choose_precision(precision, name)
        return hint, {"PERFORMANCE_HINT": "THROUGHPUT"} | precision_hint(hint)
    require_device(device, f"device/{settings.device_name}.yaml")
    most_at_once = ScenarioSpec(mode="asynchronous", performance_hint="THROUGHPUT")
    options = compile_properties(device, most_at_once, precision)
    if device.kind == "AUTO":
        options = {"ENABLE_STARTUP_FALLBACK": False} | options
    hints = dict.fromkeys(choose_precision(precision, one) for one in members_of(device))
    return "+".join(hints), options


def compile_for_validation(
    model: ov.Model, settings: ValidateSettings, split: Split, device: str, options: Mapping[str, Any]
) -> ov.CompiledModel:
    """Compile a model for the highest throughput, several images at once where it is small and they do not mix.

    Parameters
    ----------
    model : openvino.Model
        An IR with a u8 NHWC image input; it is reshaped.
    split : Split
        The images that it will run on.
    device : str
        Where to run.
    options : dict
        Properties to compile with (of `validation_properties`).

    Returns
    -------
    openvino.CompiledModel
        Its batch is the first dimension of its input.
    """
    set_batch(model, 1)
    batch = choose_batch(model, len(split.images))
    single = core().compile_model(model, device, options)
    if batch == 1:
        return single
    try:
        set_batch(model, batch)
        several = core().compile_model(model, device, options)
    except (OvlabError, RuntimeError) as error:
        log.debug("%s: one image at a time (%s)", settings.name, one_line(error))
        return single
    if _agree(single, several, batch):
        return several
    log.debug("%s: one image at a time, since images of a batch influence each other", settings.name)
    return single


def choose_batch(model: ov.Model, images: int) -> int:
    """Return how many images to infer at once: one, or for a small model a power of two that makes it work for a while.

    It depends on the model and the number of images alone, so that a repetition computes the very same.

    Parameters
    ----------
    model : openvino.Model
        With a batch of 1.
    images : int
        How many images there are.
    """
    work = sum(multiply_accumulates(op) for op in model.get_ordered_ops())
    if work >= SMALL_MACS:
        return 1
    most = min(MOST_IMAGES, images, BATCH_MACS / max(work, 1))
    return 1 << int(np.log2(max(most, 1)))


def _agree(single: ov.CompiledModel, several: ov.CompiledModel, batch: int) -> bool:
    """Say whether each image of a batch, drawn at random, gets what it gets alone."""
    images = np.random.default_rng(0).integers(0, 256, tuple(several.inputs[0].shape), np.uint8)
    together = list(several(images).values())
    if any(len(one) != batch for one in together):
        return False
    for number in sorted({0, 1, batch - 1}):
        alone = single(images[number : number + 1]).values()
        for one, of_batch in zip(alone, together, strict=True):
            twin = of_batch[number : number + 1]
            if twin.shape != one.shape:
                return False
            difference, scale = (float(np.abs(array).max(initial=0.0)) for array in (twin - one, one))
            if not difference <= TOLERANCE * scale:  # a NaN is no agreement either
                return False
    return True


def run(
    compiled: ov.CompiledModel, settings: ValidateSettings, split: Split, evaluator: Evaluator, *, quiet: bool = False
) -> tuple[pd.DataFrame, list[str]]:
    """Run a compiled model over a split.

    Parameters
    ----------
    compiled : openvino.CompiledModel
        Of static shape; the first dimension of its input is the batch.
    quiet : bool
        Show no progress: for a caller that runs many models one after the other and shows its own.

    Returns
    -------
    frame : DataFrame
        The evaluator's table, in the order of the split.
    skipped : list of str
        Ids of corrupt images that were skipped.
    """
    batch, height, width, _ = (int(length) for length in compiled.inputs[0].shape)
    predictions = _Predictions(evaluator)
    skipped: list[str] = []
    # A ring of requests without callbacks: results come in order, and an error is simply raised where it happens.
    idle = deque(compiled.create_infer_request() for _ in range(_ring_size(compiled)))
    running: deque[tuple[ov.InferRequest, Batch]] = deque()
    names = [sorted(port.get_names()) for port in compiled.outputs]

    def collect() -> None:
        request, done = running.popleft()
        if own_operations is None:
            request.wait()
        else:
            # All that run at once may have to take turns.
            with UserCode(f"{own_operations}: image {done.images[0].id}", "image_s", batch * (len(running) + 1)):
                request.wait()
        arrays = [tensor.data for tensor in request.output_tensors]
        outputs = {name: array for array, own in zip(arrays, names, strict=True) for name in own}
        predictions.add(evaluator.predict_batch(done.images, outputs, done.placements, batch))
        idle.append(request)

    extension = settings.model.extension
    own_operations = None if extension is None else f"extension: {extension}"
    batches = load_ahead(split, height, width, settings.model.preprocess.resize, batch)
    try:
        for loaded in batches if quiet else _progress(batches, len(split.images), settings.name):
            for image, error in loaded.corrupt:
                skip_or_stop(error, settings.dataset)
                skipped.append(image.id)
            if not loaded.images:
                continue
            if not idle:
                collect()
            request = idle.popleft()
            bind_input(request, loaded.pixels)
            request.start_async()
            running.append((request, loaded))
        while running:
            collect()
    finally:
        # After an error, no input may go while a request still reads it.
        for request, _ in running:
            with contextlib.suppress(RuntimeError):
                request.wait()
    if not predictions.count:
        raise OvlabError(f"{settings.name}: no image of the validation split could be read")
    return predictions.frame(), skipped


class _Predictions:
    """Gathers rows in Arrow's compact form: memory is to stay flat, however many images there are."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._rows: list[dict[str, Any]] = []
        self._tables: list[Any] = []
        self.count = 0

    def add(self, rows: list[dict[str, Any]]) -> None:
        self.count += len(rows)
        self._rows += rows
        if len(self._rows) >= ROWS_AT_ONCE:
            self._pack()

    def _pack(self) -> None:
        self._tables.append(pa.Table.from_pandas(self._evaluator.frame(self._rows), preserve_index=False))
        self._rows.clear()

    def frame(self) -> pd.DataFrame:
        if self._rows:
            self._pack()
        frame: pd.DataFrame = pa.concat_tables(self._tables).to_pandas()
        return frame


def _ring_size(compiled: ov.CompiledModel) -> int:
    # One more than run at once, so that a finished one can be read while the others work.
    return int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")) + 1


def _progress(batches: Iterable[Batch], total: int, name: str) -> Iterator[Batch]:
    """Show images/s: a bar on a terminal, a line now and then elsewhere."""
    started = reported = time.perf_counter()
    done = 0
    with tqdm(total=total, unit=" images", desc=name, disable=None) as bar:
        for batch in batches:
            yield batch
            new = len(batch.images) + len(batch.corrupt)
            done += new
            bar.update(new)
            now = time.perf_counter()
            if bar.disable and now - reported > REPORT_EVERY_S:
                log.info("%s: %d of %d images, %.0f images/s", name, done, total, done / (now - started))
                reported = now


def spread_images(split: Split, limit: int | None) -> Split:
    """Leave so many images of a split, spread over it: the first of a sorted list may all be of one class."""
    if limit is None or limit >= len(split.images):
        return split
    chosen = np.linspace(0, len(split.images) - 1, limit).round().astype(int)
    return replace(split, images=tuple(split.images[i] for i in chosen))
