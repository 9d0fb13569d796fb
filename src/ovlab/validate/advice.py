"""What to leave in floating point where quantisation has hurt the outputs: found, applied and measured.

Candidates are the operations between the last quantised values and an output that has suffered - a Concat or Multiply
that has no weights - the outputs themselves where ``quantize_outputs`` says to quantise them, and the layers with the
most noise of their own. Each candidate is quantised for real, on a part of the calibration images, and its outputs are
compared with the reference's on other calibration images. Nothing is advised that has not been seen to help.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ovlab.calibrate.compression import quantize
from ovlab.calibrate.images import CalibrationImages, choose_subset
from ovlab.convert import save_ir
from ovlab.data import load_some, read_split, readable, take_portion
from ovlab.data.images import Image
from ovlab.errors import OvlabError, one_line
from ovlab.records import Quantity
from ovlab.runtime import image_size, read_ir
from ovlab.scratch import scratch_folder
from ovlab.specs import QuantizationSpec, ValidateSettings
from ovlab.validate.distance import mean_db, worst_db
from ovlab.validate.graph import comparable_outputs, nearest_quantised, nodes_of
from ovlab.validate.layers import ComparedModel, compare_outputs, read_compared

log = logging.getLogger("ovlab.validate")
HURT_DB = 20.0
"""Signal to noise of an output, or of a part of it, below which it is hurt: a tenth of the signal is noise."""
LOST, SIGNIFICANT = 0.005, 0.05
"""Loss of accuracy, and its p-value, from which on scopes are tried too."""
GAIN_DB = 3.0
"""Least gain, in the mean of the parts of the outputs, for which a candidate is advised."""
WORST_LAYERS = 3
CALIBRATION, MEASURED, FEWEST = 64, 16, 8
"""Images that a trial calibrates on and is measured on, at most; and least, where the model is slow."""
PARTIAL = ".partial"


@dataclass(frozen=True)
class Candidate:
    """What may stay in floating point.

    Attributes
    ----------
    names : tuple of str
        Operations to ignore.
    without_outputs : bool
        Whether ``quantize_outputs`` is to be off.
    """

    names: tuple[str, ...] = ()
    without_outputs: bool = False

    def __str__(self) -> str:
        said = ["quantize_outputs: false"] if self.without_outputs else []
        return " and ".join([*said, *([f"ignored_scope.names: [{', '.join(self.names)}]"] if self.names else [])])

    def plain(self) -> dict[str, Any]:
        """Return it as a record keeps it."""
        return {"names": list(self.names), "without_outputs": self.without_outputs}


def is_hurt(check: Mapping[str, Any], values: Mapping[str, Quantity]) -> bool:
    """Tell whether outputs have suffered: by a layer check, or by a loss of accuracy that is no chance."""
    delta, p_value = (values[name].value if name in values else None for name in ("accuracy_delta", "accuracy_p"))
    has_lost = delta is not None and p_value is not None and delta < -LOST and p_value < SIGNIFICANT
    return bool(check["outputs"]) and (has_lost or worst_db(check["outputs"]) < HURT_DB)


def try_scopes(
    settings: ValidateSettings,
    root: Path,
    reference: ComparedModel,
    variant: ComparedModel,
    check: dict[str, Any],
    scratch: Path,
) -> dict[str, Any]:
    """Try to leave operations in floating point, until an output that has suffered is sound again.

    Parameters
    ----------
    settings : ValidateSettings
        Of a quantised variant; no trial but the first begins after ``validation.advice_s``.
    root : Path
        Folder of the data set.
    reference, variant : ComparedModel
        The reference, which the variant is made from, and the variant.
    check : dict
        What `ovlab.validate.layers.check_layers` found.
    scratch : Path
        A folder that trials may be saved in; they are removed.

    Returns
    -------
    dict
        Plain data: ``tried`` (every candidate with its ``worst_db`` and ``mean_db`` over the parts of the outputs),
        ``best`` (one of these, None if none helps), ``before`` (the variant itself, on the same images),
        ``calibrated``, ``measured`` (numbers of images), ``seconds``, ``error`` where it could not be done.
    """
    started = time.perf_counter()
    result: dict[str, Any] = {"tried": [], "best": None, "before": None, "error": ""}
    try:
        bench = _Bench.of(settings, root, reference, variant, check, scratch)
        before = bench.measure(variant)
        result |= {"before": before, "calibrated": len(bench.drawn.calibration), "measured": len(bench.images)}
        to_beat = before["mean_db"] + GAIN_DB
        for candidate in _candidates(reference, variant, check, bench.options):
            if result["tried"] and time.perf_counter() - started > settings.validation.advice_s:
                break
            found = candidate.plain() | {"text": str(candidate)} | bench.tried(candidate)
            result["tried"].append(found)
            log.info(
                "tried %s: worst part of the outputs %.1f dB, was %.1f dB",
                candidate,
                found["worst_db"],
                before["worst_db"],
            )
            if found["mean_db"] >= to_beat:
                to_beat, result["best"] = found["mean_db"], found
            if result["best"] is found and found["worst_db"] >= HURT_DB:
                break
    except (OvlabError, RuntimeError) as error:
        result["error"] = one_line(error)
        log.warning("trying ignored scopes: %s", result["error"])
    return result | {"seconds": time.perf_counter() - started}


@dataclass(frozen=True)
class _Bench:
    """Quantises and measures."""

    settings: ValidateSettings
    options: QuantizationSpec
    reference: ComparedModel
    hint: str
    drawn: CalibrationImages
    images: list[Image]
    scratch: Path

    @classmethod
    def of(
        cls,
        settings: ValidateSettings,
        root: Path,
        reference: ComparedModel,
        variant: ComparedModel,
        check: dict[str, Any],
        scratch: Path,
    ) -> _Bench:
        if settings.precision.quantization is None:  # the caller has looked
            raise OvlabError("quantization: missing")
        split = read_split(root, settings.dataset, "calibration", settings.model.dataset)
        calibrating = measured = split.images
        if len(split.images) >= 2 * MEASURED:
            calibrating, measured = (take_portion(split.images, part) for part in ((0.0, 0.75), (0.75, 1.0)))
        # The layer check took each image through four models; statistics cost about as much again.
        most = int(settings.validation.advice_s * max(check["images"], 1) / (4 * max(check["seconds"], 1e-3)))
        count = max(FEWEST, min(CALIBRATION, most))
        drawn = choose_subset(replace(split, images=tuple(calibrating)), f"at most {count}", seed=0)
        height, width = image_size(read_ir(reference.ir))
        rest = replace(split, images=tuple(measured))
        images = load_some(rest, MEASURED, height, width, settings.model.preprocess.resize, settings.dataset)
        chosen = CalibrationImages(readable(drawn, settings.dataset), split.upright)
        return cls(settings, settings.precision.quantization, reference, variant.hint, chosen, images, scratch)

    def measure(self, variant: ComparedModel) -> dict[str, float]:
        """Return the signal to noise of the worst part of the outputs, and the mean of all parts."""
        outputs = compare_outputs(self.reference, variant, self.images, self.settings.validation.device)
        return {"worst_db": worst_db(outputs), "mean_db": mean_db(outputs)}

    def tried(self, candidate: Candidate) -> dict[str, float]:
        """Quantise anew with this in floating point, and measure."""
        scope = self.options.ignored_scope
        options = self.options.model_copy(
            update={
                "ignored_scope": scope.model_copy(update={"names": (*scope.names, *candidate.names)}),
                "quantize_outputs": self.options.quantize_outputs and not candidate.without_outputs,
                "accuracy_control": None,
            }
        )
        made = quantize(read_ir(self.reference.ir), self.drawn, options, self.settings.model.preprocess.resize)
        with scratch_folder(self.scratch, prefix=".", suffix=PARTIAL) as folder:
            save_ir(made, folder, compress=False)
            return self.measure(ComparedModel(folder / "model.xml", self.hint))


def _candidates(
    reference: ComparedModel, variant: ComparedModel, check: dict[str, Any], options: QuantizationSpec
) -> Iterator[Candidate]:
    """Yield what to try, the smallest intervention first; none twice."""
    first, second = (read_compared(side) for side in (reference, variant))
    known = nodes_of(first)
    pairs = comparable_outputs(first, second)
    hurt = {one["name"] for one in check["outputs"] if worst_db([one]) < HURT_DB}
    ports = [own for port, own in pairs if port.node in hurt or not hurt]
    near, behind = nearest_quantised(second, ports)
    layers = [one for one in check["layers"] if one["own_snr_db"] is not None]
    worst = [one["name"] for one in sorted(layers, key=lambda one: float(one["own_snr_db"]))[:WORST_LAYERS]]
    groups = (near, [*near, *behind], worst, [*near, *behind, *worst])
    scopes = [Candidate(tuple(dict.fromkeys(name for name in names if name in known))) for names in groups]
    if options.quantize_outputs:
        # An output that is quantised itself stays so whatever operation is ignored.
        is_last = any(nodes_of(second)[port.node].get_type_name() == "FakeQuantize" for port in ports)
        scopes.insert(0 if is_last else 1, Candidate(without_outputs=True))
    seen = [Candidate()]
    for scope in scopes:
        if scope not in seen:
            seen.append(scope)
            yield scope
