"""The validate step: run a variant over the validation split and compute its accuracy."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pandas as pd
import pyarrow as pa
from tqdm import tqdm

from ovlab.data import AnySplit, CorruptImageError, SplitImage, load_ahead, read_split, skip_or_stop
from ovlab.data.geometry import Placement
from ovlab.errors import OvlabError
from ovlab.files import sha256_of, write_atomically
from ovlab.records import Quantity, Record, require_ok
from ovlab.runtime import choose_precision, core, image_size, read_ir, set_batch
from ovlab.specs import ValidateSettings
from ovlab.tasks import Task, make_task

__all__ = ["validate"]

log = logging.getLogger("ovlab.validate")
REPORT_EVERY_S = 10.0
ROWS_AT_ONCE = 1024


def validate(
    settings: ValidateSettings,
    variant: Record,
    variant_folder: Path,
    source: Record,
    predictions: Path,
    reference: Path | None = None,
) -> Record:
    """Measure the accuracy of a variant, and its difference to a reference on the same images.

    Parameters
    ----------
    settings : ValidateSettings
        Model, data set, precision and device.
    variant, source : Record
        The variant's and the data set's records; the IR lies in `variant_folder`.
    predictions : Path
        Gets one row an image (Parquet).
    reference : Path, optional
        The reference's predictions.

    Returns
    -------
    Record
        Of kind ``accuracy``.

    Raises
    ------
    OvlabError
        If an input failed, an image is corrupt (and the data set does not say to skip it), the output does not
        fit the task, or contains NaN.
    UnavailableError
        If the device does not execute the precision.
    """
    require_ok(variant, "variant")
    require_ok(source, f"download of data set {settings.model.dataset}")
    split = _split(settings, Path(source.data["root"]))
    model = read_ir(variant_folder / "model.xml")
    set_batch(model, 1)
    height, width = image_size(model)
    task = make_task(settings.model, settings.dataset, split, width=width, height=height)
    device = settings.validation.device
    hint = choose_precision(settings.precision, device)
    compiled = core().compile_model(model, device, {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": hint})
    started = time.perf_counter()
    frame, skipped = run(compiled, settings, split, task)
    seconds = time.perf_counter() - started
    write_atomically(predictions, lambda path: frame.to_parquet(path, index=False))
    values = task.score(frame)
    if reference is not None:
        values |= task.compare(frame, pd.read_parquet(reference))
    values |= {
        "samples": Quantity(frame["image"].nunique(), "count"),
        "skipped": Quantity(len(skipped), "count"),
        "validation_time": Quantity(seconds, "s"),
        "images_per_second": Quantity(len(split.images) / seconds, "1/s"),
    }
    log.info("%s: %s", settings.name, _summary(task, values))
    return Record(
        kind="accuracy",
        settings=settings.plain(),
        inputs=variant.data["sha256"] | {"predictions.parquet": sha256_of(predictions)},
        values=values,
        data={
            "metric": task.metric,
            "device": device,
            "execution_devices": list(compiled.get_property("EXECUTION_DEVICES")),
            "inference_precision": hint,
            "class_names": list(split.class_names),
            "skipped": skipped,
        },
    )


def _summary(task: Task, values: dict[str, Quantity]) -> str:
    samples = values["samples"].value or 0
    if not task.metric or values["accuracy"].value is None:
        return f"{samples:.0f} images, no metric"
    return f"{task.metric} {100 * values['accuracy'].value:.2f} % of {samples:.0f} images"


def _split(settings: ValidateSettings, root: Path) -> AnySplit:
    split = read_split(root, settings.dataset, "validation", settings.model.dataset)
    limit = settings.validation.limit
    if limit is None or limit >= len(split.images):
        return split
    # Spread over the split: the first images of a sorted list may all be of one class.
    chosen = np.linspace(0, len(split.images) - 1, limit).round().astype(int)
    return replace(split, images=tuple(split.images[i] for i in chosen))  # type: ignore[arg-type]


def run(
    compiled: ov.CompiledModel, settings: ValidateSettings, split: AnySplit, task: Task
) -> tuple[pd.DataFrame, list[str]]:
    """Run a compiled model over a split: images are decoded in threads while others are inferred.

    Returns
    -------
    frame : DataFrame
        The task's table, in the order of the split.
    skipped : list of str
        Ids of corrupt images that were skipped.
    """
    model_input = compiled.inputs[0]
    height, width = int(model_input.shape[1]), int(model_input.shape[2])
    predictions = _Predictions(task)
    skipped: list[str] = []
    # A ring of requests without callbacks: results come in order, and an error is simply raised where it happens.
    idle = deque(compiled.create_infer_request() for _ in range(_ring_size(compiled)))
    running: deque[tuple[ov.InferRequest, SplitImage, Placement | None]] = deque()
    names = [sorted(port.get_names()) for port in compiled.outputs]

    def collect() -> None:
        request, image, placement = running.popleft()
        request.wait()
        arrays = [tensor.data for tensor in request.output_tensors]
        outputs = {name: array for array, own in zip(arrays, names, strict=True) for name in own}
        predictions.add(task.predict(image, outputs, placement))
        idle.append(request)

    images = load_ahead(split, height, width, settings.model.preprocess.resize)
    for image, loaded in _progress(images, len(split.images), settings.name):
        if isinstance(loaded, CorruptImageError):
            skip_or_stop(loaded, settings.dataset)
            skipped.append(image.id)
            continue
        if not idle:
            collect()
        request = idle.popleft()
        request.start_async({0: loaded.pixels[None]})
        running.append((request, image, loaded.placement))
    while running:
        collect()
    if not predictions.count:
        raise OvlabError(f"{settings.name}: no image of the validation split could be read")
    return predictions.frame(), skipped


class _Predictions:
    """Gathers rows in Arrow's compact form: memory is to stay flat, however many images there are."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._rows: list[dict[str, Any]] = []
        self._tables: list[Any] = []
        self.count = 0

    def add(self, row: dict[str, Any]) -> None:
        self.count += 1
        self._rows.append(row)
        if len(self._rows) == ROWS_AT_ONCE:
            self._pack()

    def _pack(self) -> None:
        self._tables.append(pa.Table.from_pandas(self._task.frame(self._rows), preserve_index=False))
        self._rows.clear()

    def frame(self) -> pd.DataFrame:
        if self._rows:
            self._pack()
        frame: pd.DataFrame = pa.concat_tables(self._tables).to_pandas()
        return frame


def _ring_size(compiled: ov.CompiledModel) -> int:
    # One more than run at once, so that a finished one can be read while the others work.
    return int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")) + 1


def _progress(items: Any, total: int, name: str) -> Any:
    """Show images/s: a bar on a terminal, a line now and then elsewhere."""
    started = reported = time.perf_counter()
    with tqdm(total=total, unit=" images", desc=name, disable=None) as bar:
        for done, item in enumerate(items, start=1):
            yield item
            bar.update()
            now = time.perf_counter()
            if bar.disable and now - reported > REPORT_EVERY_S:
                log.info("%s: %d of %d images, %.0f images/s", name, done, total, done / (now - started))
                reported = now
