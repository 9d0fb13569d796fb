"""Accuracy control: quantise, then give layers back to floating point until the accuracy holds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import openvino as ov
import pandas as pd

from ovlab.calibrate.compression import at_batch_one, calibration_data, check_ignored_scope, nncf_errors
from ovlab.calibrate.images import CalibrationImages
from ovlab.calibrate.ledger import ControlledVariant, Ledger, Trial
from ovlab.calibrate.options import advanced_parameters, quantization_options, restorer_parameters
from ovlab.data import Split, SplitImage
from ovlab.errors import OvlabError
from ovlab.records import Quantity
from ovlab.runtime import core, image_size, read_ir, set_batch
from ovlab.scratch import scratch_folder
from ovlab.specs import (
    AccuracyControlSpec,
    CalibrateSettings,
    PrecisionSpec,
    QuantizationSpec,
    ValidateSettings,
    ValidationSpec,
)
from ovlab.tasks import make_evaluator

log = logging.getLogger("ovlab.calibrate")
REPORT_EVERY_S = 10.0
# What NNCF compiles the models with that it tries; the variants are judged likewise.
FP32 = {"INFERENCE_PRECISION_HINT": "f32"}


def control_accuracy(model: ov.Model, drawn: CalibrationImages, settings: CalibrateSettings) -> ControlledVariant:
    """Call ``nncf.quantize_with_accuracy_control`` and keep a ledger of what it tries.

    Parameters
    ----------
    model : openvino.Model
        The FP32 variant. It is compared in FP32 arithmetic on the CPU, which is where NNCF runs its models.
    drawn : CalibrationImages
        Calibration and control images.
    settings : CalibrateSettings
        With ``quantization.accuracy_control``.

    Returns
    -------
    ControlledVariant
        If the target is missed, the model that lost least of those that were tried.

    Raises
    ------
    OvlabError
        If the outputs do not fit the task, the ignored scope matches nothing, or with NNCF's own reason.
    """
    options = settings.quantization
    if options is None or options.accuracy_control is None or drawn.control is None:
        raise OvlabError("quantization.accuracy_control: missing")
    check_ignored_scope(model, options.ignored_scope, "quantization")
    original = model.clone()
    judge = _Judge(settings, drawn.control, model)
    trials = _Trials(judge, options.accuracy_control)
    with nncf_errors("quantization.accuracy_control"):
        made = at_batch_one(model, lambda fixed: _search(fixed, drawn, settings, options, trials))
    return _conclude(made, original, trials, judge)


def _search(
    model: ov.Model, drawn: CalibrationImages, settings: CalibrateSettings, options: QuantizationSpec, trials: _Trials
) -> ov.Model:
    import nncf

    control = trials.options
    with scratch_folder() as scratch:
        restorer = restorer_parameters(control)
        restorer.intermediate_model_dir = str(scratch)
        try:
            with _watched(trials):
                made: ov.Model = nncf.quantize_with_accuracy_control(
                    model,
                    calibration_data(model, drawn, settings.resize),
                    nncf.Dataset(list(trials.judge.split.images)),
                    trials.validate,
                    max_drop=control.max_drop,
                    drop_type=nncf.DropType(control.drop_type),
                    advanced_quantization_parameters=advanced_parameters(options),
                    advanced_accuracy_restorer_parameters=restorer,
                    **quantization_options(options, len(drawn.calibration)),
                )
        except _OutOfTimeError:
            trials.ledger.stopped = "time budget"
            log.warning("the time budget of %g s is spent", control.time_budget_s or 0)
            return trials.best_model(scratch / "intermediate_model.xml")
        trials.finish()
        kept = trials.ledger.kept()
        if kept is None or kept.number == len(trials.ledger.trials) - 1:
            return made
        return trials.best_model(scratch / "intermediate_model.xml")


@contextmanager
def _watched(trials: _Trials) -> Iterator[None]:
    """Let `trials` see the models between the steps of NNCF's search, which has no interface for that.

    All of them come from one function. Only the name under which the search calls it is replaced, and only for the
    time of the search; a test notices an NNCF that has it elsewhere.
    """
    from nncf.quantization.algorithms.accuracy_control import algorithm

    original = algorithm.revert_operations_to_floating_point_precision
    algorithm.revert_operations_to_floating_point_precision = trials.watch(original)
    try:
        yield
    finally:
        algorithm.revert_operations_to_floating_point_precision = original


class _OutOfTimeError(Exception):
    """The time budget is spent."""


class _Judge:
    """Computes the metric of compiled models on control images, with the validate step's own means."""

    def __init__(self, settings: CalibrateSettings, split: Split, model: ov.Model) -> None:
        if settings.model is None:
            raise OvlabError("settings: model: missing, but needed by quantization.accuracy_control")
        self.split = split
        self._settings = ValidateSettings(
            model_name=settings.model_name,
            precision_name=settings.precision_name,
            model=settings.model,
            dataset=settings.dataset,
            precision=PrecisionSpec.model_validate({"inference_precision": "f32"}),
            validation=ValidationSpec(),
        )
        height, width = image_size(model)
        self.evaluator = make_evaluator(settings.model, settings.dataset, split, width=width, height=height)
        if not self.evaluator.metric:
            raise OvlabError("quantization.accuracy_control: the data set has no metric to hold")

    @property
    def name(self) -> str:
        return self._settings.name

    def predict(self, compiled: ov.CompiledModel, images: Sequence[SplitImage]) -> pd.DataFrame:
        """Return the table of predictions for some images."""
        from ovlab.validate import run

        chosen = replace(self.split, images=tuple(images))
        frame, _ = run(compiled, self._settings, chosen, self.evaluator, quiet=True)
        return frame

    def judge(self, compiled: ov.CompiledModel, images: Sequence[SplitImage]) -> tuple[float, list[float]]:
        """Return the metric on some images, and that of each image alone."""
        return self.score(self.predict(compiled, images), images)

    def score(self, frame: pd.DataFrame, images: Sequence[SplitImage]) -> tuple[float, list[float]]:
        """Return the metric of a table of predictions, and that of each image alone."""
        return self.evaluator.metric_without_interval(frame, images)


class _Trials:
    """Follows NNCF's search: fills the ledger, keeps the models that may be wanted, watches the time."""

    def __init__(self, judge: _Judge, options: AccuracyControlSpec) -> None:
        self.judge = judge
        self.options = options
        self.ledger = Ledger(judge.evaluator.metric, options.max_drop, options.drop_type)
        self._models: dict[int, ov.Model] = {}
        self._started = self._reported = time.perf_counter()
        self._ranked = 0

    def validate(self, compiled: ov.CompiledModel, items: Iterable[SplitImage]) -> tuple[float, list[float]]:
        """Judge a model for NNCF: on all control images after a step, on some to rank the layers."""
        images = list(items)
        self._watch_time()
        value, each = self.judge.judge(compiled, images)
        ledger = self.ledger
        pending = ledger.trials[-1] if ledger.trials and ledger.trials[-1].accuracy is None else None
        if len(images) < len(self.judge.split.images):
            self._progress()
        elif ledger.reference is None:
            ledger.reference = value
            log.info("%s: %s of the FP32 variant %.2f %%", self.judge.name, ledger.metric, 100 * value)
        elif not ledger.trials:
            self._judged(Trial(0), value)
        elif pending is not None:
            self._judged(pending, value)
        else:
            self._progress()
        return value, each

    def _judged(self, trial: Trial, value: float) -> None:
        ledger = self.ledger
        trial.accuracy, trial.seconds = value, time.perf_counter() - self._started
        if not ledger.trials:
            ledger.trials.append(trial)
        what = f"reverted {', '.join(trial.reverted)}" if trial.number else "all layers quantised"
        log.info(
            "%s: step %d, %s: %s %.2f %%, drop %.3g %% (allowed %.3g %%), %.0f s",
            *(self.judge.name, trial.number, what, ledger.metric, 100 * value),
            *(100 * (ledger.drop(trial) or 0.0), 100 * ledger.max_drop, trial.seconds),
        )
        self._forget()

    def _progress(self) -> None:
        self._ranked += 1
        now = time.perf_counter()
        if now - self._reported > REPORT_EVERY_S:
            log.info("%s: ranking layers, %d models tried, %.0f s", self.judge.name, self._ranked, now - self._started)
            self._reported = now

    def _watch_time(self) -> None:
        budget = self.options.time_budget_s
        # The quantised model is judged in any case: without its accuracy there would be nothing to report.
        if budget is not None and self.ledger.trials and time.perf_counter() - self._started > budget:
            raise _OutOfTimeError

    def watch(self, original: Callable[..., ov.Model]) -> Callable[..., ov.Model]:
        """Wrap NNCF's function that makes a model with an operation reverted out of another."""

        def revert(operations: Any, quantizers: Any, model: ov.Model, *others: Any) -> ov.Model:
            base = self._number_of(model)
            made = original(operations, quantizers, model, *others)
            names = [operation.node_name for operation in operations]
            trial = Trial(len(self.ledger.trials), base, names)
            self.ledger.trials.append(trial)
            self._models[trial.number] = made
            return made

        return revert

    def _number_of(self, model: ov.Model) -> int:
        for number, known in self._models.items():
            if known is model:
                return number
        # The one that the search begins with, unknown so far. Tuning may have changed it since it was judged.
        self._models[0] = model
        if self.options.tune_hyperparams:
            compiled = core().compile_model(model, "CPU", FP32)
            self.ledger.trials[0].accuracy, _ = self.judge.judge(compiled, self.judge.split.images)
        return 0

    def _forget(self) -> None:
        """Let go of models that neither the search goes on from nor will be kept."""
        last, kept = self.ledger.trials[-1], self.ledger.kept()
        wanted = {last.number, last.base, kept.number if kept else 0}
        self._models = {number: model for number, model in self._models.items() if number in wanted}

    def finish(self) -> None:
        """Note why the search ended by itself."""
        last = self.ledger.trials[-1]
        steps = len(self.ledger.trials) - 1
        limit = self.options.max_num_iterations
        if self.ledger.meets(last):
            self.ledger.stopped = "target met"
        elif steps == 0 and self.options.tune_hyperparams:
            self.ledger.stopped = "tuned"
        elif limit is not None and steps >= limit:
            self.ledger.stopped = "iterations"
        else:
            self.ledger.stopped = "nothing left to revert"

    def best_model(self, intermediate: Path) -> ov.Model:
        """Return the model to keep, its weights compressed as NNCF does at the end of its search."""
        from openvino._offline_transformations import compress_quantize_weights_transformation

        kept = self.ledger.kept()
        model = self._models.get(kept.number) if kept is not None else None
        if model is None:  # the time ran out before the first step
            model = read_ir(intermediate).clone()
        compress_quantize_weights_transformation(model)
        return model


def _conclude(made: ov.Model, original: ov.Model, trials: _Trials, judge: _Judge) -> ControlledVariant:
    """Judge the variant once more, as it will be saved, and compare it with the FP32 variant image by image."""
    ledger = trials.ledger
    frames = []
    for model in (original, made):
        fixed = model.clone()
        set_batch(fixed, 1)
        frames.append(judge.predict(core().compile_model(fixed, "CPU", FP32), judge.split.images))
    accuracies = [judge.score(frame, judge.split.images)[0] for frame in frames]
    final = Trial(-1, accuracy=accuracies[1])
    ledger.reference = accuracies[0]
    drop = ledger.drop(final) or 0.0
    reverted = ledger.plain()["reverted"]
    compared = judge.evaluator.compare(frames[1], frames[0])
    values = {
        "control_samples": Quantity(len(judge.split.images), "count"),
        "control_reference": Quantity(accuracies[0], "fraction"),
        "control_accuracy": Quantity(accuracies[1], "fraction"),
        "control_drop": Quantity(drop, "fraction"),
        "control_delta": compared["accuracy_delta"],
        "reverted_operations": Quantity(len(reverted), "count"),
        "control_steps": Quantity(len(ledger.trials) - 1, "count"),
    }
    return ControlledVariant(made, ledger, ledger.meets(final), accuracies[1], values)
