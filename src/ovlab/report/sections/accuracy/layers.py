"""The check without labels: outputs and layers of each variant against the reference's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import pandas as pd
import yaml
from matplotlib.lines import Line2D

from ovlab.records import Record
from ovlab.report.columns import AXES, PRECISION
from ovlab.report.format import MISSING, Estimate, show
from ovlab.report.records import Records
from ovlab.report.style import STYLE, Plot, colours, dashes, file_name, legend_above, new_panels, shapes, tell_each
from ovlab.report.table import Column, Entry, Table
from ovlab.specs import ReportSettings

SHOWN_LAYERS = 5
SNR: Any = {"unit": "dB", "numeric": True}


def checked(settings: ReportSettings, records: Records) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield model, precision and layer check of every variant that has one."""
    for model in settings.experiment.models:
        for precision in settings.experiment.precisions:
            record: Record | None = records.accuracies.get((model, precision))
            if record is not None and record.ok and "layer_check" in record.data:
                yield model, precision, record.data["layer_check"]


def distance_table(settings: ReportSettings, records: Records) -> Table:
    """Make the table of output distances: one row an output of a variant."""
    columns = [
        AXES[0],
        PRECISION,
        Column("output", "output", width=r"0.3\linewidth"),
        Column("cosine", "cosine", numeric=True),
        Column("snr_db", "signal to noise", **SNR),
        Column("images", "images", numeric=True, whole=True),
        Column("remark", "remark", width=r"0.2\linewidth"),
    ]
    rows: list[list[Entry]] = []
    for model, precision, check in checked(settings, records):
        images = Estimate.of(check["images"])
        outputs = check["outputs"] or [{"name": MISSING, "cosine": None, "snr_db": None, "identical": False}]
        for name, one in _with_parts(outputs):
            remark = "identical" if one["identical"] else check["error"] or _size(one)
            numbers = [_cosine(one["cosine"]), Estimate.of(one["snr_db"])]
            rows.append([model, precision, name, *numbers, images, remark])
    caption = (
        f"Distance of the outputs from {settings.reference}’s on some validation images, without labels. Signal to "
        "noise: 10 log₁₀ of the reference’s power over the power of the difference. Where outputs are sorted "
        "detections, what goes into the sorting is compared. Columns of very different size (boxes in pixels, scores "
        "below 1) are compared apart too: over the whole output the small ones count for nothing."
    )
    return Table("distance", caption, columns, rows, grouped=1, made_from=("accuracy",))


def _with_parts(outputs: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each output, and each of its parts, with what it is called."""
    for output in outputs:
        yield str(output["name"]), output
        for part in output.get("parts", ()):
            yield f"{output['name']}, columns {part['columns']}", part


def _size(entry: dict[str, Any]) -> str:
    return f"values up to {entry['largest']:.3g}" if "largest" in entry else MISSING


def layers_table(settings: ReportSettings, records: Records, most: int | None = None) -> Table:
    """Make the table of the layers with the most noise of their own, `most` a variant (default: all layers)."""
    columns = [
        AXES[0],
        PRECISION,
        Column("layer", "layer", width=r"0.4\linewidth"),
        Column("type", "type"),
        Column("position", "position", numeric=True, whole=True),
        Column("own_snr_db", "own signal to noise", **SNR),
        Column("snr_db", "accumulated", **SNR),
        Column("cosine", "cosine", numeric=True),
    ]
    rows: list[list[Entry]] = []
    for model, precision, check in checked(settings, records):
        positions = {id(layer): number for number, layer in enumerate(check["layers"], start=1)}
        for layer in worst(check)[:most]:
            numbers = [positions[id(layer)], layer["own_snr_db"], layer["snr_db"]]
            entries = [Estimate.of(number) for number in numbers]
            rows.append([model, precision, layer["name"], layer["type"], *entries, _cosine(layer["cosine"])])
    caption = (
        "Layers of quantised variants with the most noise of their own: signal to noise of the layer’s result when its "
        f"inputs are {settings.reference}’s. Accumulated: in the variant as it runs, with the noise of all layers "
        "before. Position: in the order of execution. The names fit an ignored scope."
    )
    return Table("layers", caption, columns, rows, grouped=2, made_from=("accuracy",))


def worst(check: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the layers by rising own signal-to-noise ratio; those without noise come last."""
    return sorted(check["layers"], key=lambda layer: math.inf if layer["own_snr_db"] is None else layer["own_snr_db"])


def suggestions(settings: ReportSettings, records: Records) -> list[tuple[str, str]]:
    """Return for each variant whose outputs have suffered what was tried, and what helped as YAML to paste.

    Returns
    -------
    list of (str, str)
        A sentence, and a file of ``conf/model_precision``; empty where nothing that was tried helps.
    """
    found = []
    for model, precision, check in checked(settings, records):
        advice = check.get("advice")
        if advice is None:
            continue
        if advice["error"] or not advice["tried"]:
            found.append((f"{model} {precision}: nothing could be tried ({advice['error'] or 'no candidate'}).", ""))
            continue
        tried = f"{len(advice['tried'])} change{'s' if len(advice['tried']) > 1 else ''} tried"
        best, before = advice["best"], advice["before"]
        if best is None:
            found.append((f"{model} {precision}: {tried}, none helps ({_decibels(before)}).", ""))
            continue
        found.append(
            (
                f"{model} {precision}: {_decibels(before)} before, {_decibels(best)} with this, quantised with "
                f"{advice['calibrated']} and measured on {advice['measured']} calibration images ({tried}).",
                _pasted(settings, model, precision, best),
            )
        )
    return found


def _decibels(entry: dict[str, float]) -> str:
    return f"{entry['worst_db']:.1f} dB in the worst part of the outputs, {entry['mean_db']:.1f} dB in the mean"


def _pasted(settings: ReportSettings, model: str, precision: str, best: dict[str, Any]) -> str:
    """Return the file that makes the exception: with what the precision ignores already."""
    quantization = settings.precisions[precision].quantization
    known = list(quantization.ignored_scope.names) if quantization is not None else []
    changes: dict[str, Any] = {"quantize_outputs": False} if best["without_outputs"] else {}
    if best["names"]:
        changes["ignored_scope"] = {"names": [*known, *best["names"]]}
    text = yaml.safe_dump({"precision": {"quantization": changes}}, sort_keys=False, width=200, allow_unicode=True)
    return f"# @package _global_\n# conf/model_precision/{model}-{precision}.yaml\n{text}"


def layer_figures(settings: ReportSettings, records: Records) -> list[Plot]:
    """Draw signal to noise along the graph: a figure a model with quantised variants."""
    palette = colours(settings.experiment.precisions)
    by_model: dict[str, dict[str, dict[str, Any]]] = {}
    for model, precision, check in checked(settings, records):
        if check["layers"]:
            by_model.setdefault(model, {})[precision] = check
    return [_figure(model, checks, palette, settings.reference) for model, checks in by_model.items()]


def _figure(model: str, checks: dict[str, dict[str, Any]], palette: dict[str, str], reference: str) -> Plot:
    with mpl.rc_context(STYLE):
        figure, (axes,) = new_panels(1, 1, 1.8, narrow=False)
        points = pd.concat(
            pd.DataFrame(check["layers"]).assign(precision=precision, position=range(1, len(check["layers"]) + 1))
            for precision, check in checks.items()
        ).reset_index(drop=True)
        points[["snr_db", "own_snr_db"]] = points[["snr_db", "own_snr_db"]].astype(float)
        dashed, shaped = dashes(checks), shapes(checks)
        for name in checks:
            own = points[points["precision"] == name]
            axes.plot(own["position"], own["snr_db"], lw=1.1, color=palette[name], ls=dashed[name])
            known = own[own["own_snr_db"].notna()]
            dots = axes.scatter(
                known["position"], known["own_snr_db"], s=14, linewidth=0, color=palette[name], marker=shaped[name]
            )
            tell_each(dots, [_told(name, row) for row in known.to_dict("records")])
        axes.set(xlabel="layer, in the order of execution", ylabel="signal to noise (dB)")
        axes.grid()
        # The caption says what is line and what is dot, so that the legend needs one entry a precision.
        look: Any = {"lw": 1.1, "ms": 4}
        legend_above(
            figure,
            [
                Line2D([], [], color=palette[one], ls=dashed[one], marker=shaped[one], label=one, **look)
                for one in checks
            ],
        )
    images = max(check["images"] for check in checks.values())
    caption = (
        f"{model}: signal to noise of each quantised layer’s result against {reference}’s on {images} images. Lines: "
        "with the noise of all layers before; dots: the layer’s own, fed with the reference’s values. Low dots are "
        "the layers to leave in floating point first."
    )
    return Plot(file_name("layers", model), caption, figure)


def _told(precision: str, layer: dict[Any, Any]) -> str:
    own, all_before = (show(Estimate.of(layer[name])).value for name in ("own_snr_db", "snr_db"))
    return f"{precision}, layer {layer['position']}: {layer['name']}\nown {own} dB, accumulated {all_before} dB"


def _cosine(value: float | None) -> Estimate:
    # Five decimals: the interesting ones differ in the fourth.
    return Estimate.of(None if value is None else round(value, 6))
