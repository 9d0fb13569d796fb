"""The check without labels: outputs and layers of each variant against the reference's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
import yaml
from matplotlib.lines import Line2D

from ovlab.records import Record
from ovlab.report.columns import AXES, PRECISION
from ovlab.report.format import MISSING, Estimate
from ovlab.report.records import Records
from ovlab.report.style import STYLE, Plot, colours, file_name, new_panels
from ovlab.report.table import Column, Entry, Table
from ovlab.specs import ReportSettings

SHOWN_LAYERS = 5
SUGGESTED = 3
"""So many layers go into the suggested ignored scope."""
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
        for one in outputs:
            remark = "identical" if one["identical"] else check["error"] or MISSING
            numbers = [_cosine(one["cosine"]), Estimate.of(one["snr_db"])]
            rows.append([model, precision, str(one["name"]), *numbers, images, remark])
    caption = (
        f"Distance of the outputs from {settings.reference}’s on some validation images, without labels. Signal to "
        "noise: 10 log₁₀ of the reference’s power over the power of the difference. Where outputs are sorted "
        "detections, what goes into the sorting is compared."
    )
    return Table("distance", caption, columns, rows, grouped=1)


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
    return Table("layers", caption, columns, rows, grouped=2)


def worst(check: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the layers by rising own signal-to-noise ratio; those without noise come last."""
    return sorted(check["layers"], key=lambda layer: math.inf if layer["own_snr_db"] is None else layer["own_snr_db"])


def suggestions(settings: ReportSettings, records: Records) -> list[tuple[str, str]]:
    """Return for each quantised variant its name and an ignored scope of its worst layers, as YAML to paste."""
    found = []
    for model, precision, check in checked(settings, records):
        if settings.source_of(model, precision) is not None:  # made by others, with what options they had
            continue
        names = [layer["name"] for layer in worst(check)[:SUGGESTED] if layer["own_snr_db"] is not None]
        if names:
            text = yaml.safe_dump({"ignored_scope": {"names": names}}, sort_keys=False, width=200)
            found.append((f"{model} {precision}", text))
    return found


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
        colour: Any = {"hue": "precision", "palette": palette, "ax": axes}
        sns.lineplot(points, x="position", y="snr_db", lw=1.1, legend=False, **colour)
        sns.scatterplot(points, x="position", y="own_snr_db", s=14, linewidth=0, legend=False, **colour)
        axes.set(xlabel="layer, in the order of execution", ylabel="signal to noise (dB)")
        axes.grid()
        # The caption says what is line and what is dot, so that the legend needs one entry a precision.
        handles = [Line2D([], [], color=palette[name], lw=1.1, label=name) for name in checks]
        figure.legend(handles=handles, loc="outside upper center", ncols=min(len(checks), 4))
    images = max(check["images"] for check in checks.values())
    caption = (
        f"{model}: signal to noise of each quantised layer’s result against {reference}’s on {images} images. Lines: "
        "with the noise of all layers before; dots: the layer’s own, fed with the reference’s values. Low dots are "
        "the layers to leave in floating point first."
    )
    return Plot(file_name("layers", model), caption, figure)


def _cosine(value: float | None) -> Estimate:
    # Five decimals: the interesting ones differ in the fourth.
    return Estimate.of(None if value is None else round(value, 6))
