"""Devices at once against the sum of them alone, on synthetic records."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from report_factory import Maker, Recipe, make_tables, page_of

from ovlab.report import results_frame
from ovlab.report.format import Estimate
from ovlab.report.sections.devices_at_once.comparison import (
    cells_at_once,
    members_sentences,
    members_table,
    ratio_of,
    sum_of,
)
from ovlab.specs import ReportSettings

ALL = Recipe(devices=["cpu", "gpu", "multi"], precisions=["fp32", "int8"], scenarios=["offline"])


def measured(make: Maker, recipe: Recipe, **throughputs: float) -> tuple[ReportSettings, pd.DataFrame]:
    """Return the measured rows, with a throughput of our own for each device."""
    settings, records = make(recipe)
    frame = results_frame(settings, records)
    ok = frame[frame["status"] == "ok"].copy()
    for device, fps in throughputs.items():
        rows = ok["device"] == device
        ok.loc[rows, ["throughput_fps", "throughput_fps_low", "throughput_fps_high"]] = [fps, 0.98 * fps, 1.02 * fps]
    return settings, ok


def test_a_sum_of_estimates() -> None:
    found = sum_of([Estimate(100, 97, 104), Estimate(300, 296, 303)])
    assert (found.value, found.low, found.high) == (400, 400 - 5, 400 + 5)
    assert sum_of([Estimate(100, 97, 104), Estimate(300)]) == Estimate(400)
    assert sum_of([Estimate(100, 97, 104), Estimate(None)]) == Estimate(None)


def test_a_ratio_of_estimates() -> None:
    found = ratio_of(Estimate(300, 300 / 1.03, 300 * 1.03), Estimate(400, 400 / 1.04, 400 * 1.04))
    half = math.hypot(math.log(1.03), math.log(1.04))
    assert found.value == pytest.approx(0.75)
    assert found.low == pytest.approx(0.75 * math.exp(-half))
    assert found.high == pytest.approx(0.75 * math.exp(half))
    assert ratio_of(Estimate(300), Estimate(400, 390, 410)) == Estimate(0.75)
    assert ratio_of(Estimate(None), Estimate(400, 390, 410)) == Estimate(None)


def test_the_interval_of_a_share_covers_as_often_as_those_that_it_is_made_of() -> None:
    """Simulated: three independent throughputs with known 95 % intervals; the share of the sum is known."""
    generator = np.random.default_rng(0)
    truth = {"cpu": 100.0, "gpu": 300.0, "multi": 340.0}
    covered, runs, spread = 0, 2000, 0.02
    for _ in range(runs):
        found = {}
        for name, value in truth.items():
            seen = value * math.exp(spread * generator.standard_normal())
            found[name] = Estimate(seen, seen * math.exp(-1.96 * spread), seen * math.exp(1.96 * spread))
        covered += ratio_of(found["multi"], sum_of([found["cpu"], found["gpu"]])).contains(340 / 400)
    assert 0.93 <= covered / runs <= 0.97


def test_the_share_of_the_sum_and_what_is_lost(make: Maker) -> None:
    settings, ok = measured(make, ALL, cpu=100, gpu=300, multi=340)
    table = members_table(settings, ok)
    raw = table.raw()
    assert len(raw) == 2
    first = raw.iloc[0]
    assert (first["device"], first["members"], first["precision"]) == ("multi", "cpu + gpu", "fp32")
    assert first["sum_fps"] == 400
    assert first["throughput_fps"] == 340
    assert first["share_of_sum"] == pytest.approx(0.85)
    assert first["contention"] == pytest.approx(0.15)
    assert first["contention_low"] == pytest.approx(1 - first["share_of_sum_high"])
    assert first["gain"] == pytest.approx(340 / 300)
    (sentence,) = members_sentences(settings, ok)
    assert sentence.startswith("multi reaches 85")
    assert sentence.endswith(
        "of the sum of cpu and gpu alone in 2 cells: 15 % of what they do alone is lost there when they work at once."
    )


def test_one_cell_is_told_without_a_range(make: Maker) -> None:
    recipe = Recipe(devices=ALL.devices, precisions=["fp32"], scenarios=["offline"])
    settings, ok = measured(make, recipe, cpu=100, gpu=300, multi=401)
    (sentence,) = members_sentences(settings, ok)
    assert " to " not in sentence
    assert sentence.endswith("(net fp32, offline); that its members slow each other down could not be measured there.")


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        (Recipe(devices=["cpu", "multi"]), "a member is no device of the experiment"),
        (Recipe(devices=ALL.devices, absent={"gpu": "GPU is not on this host"}), "a member was not measured"),
        (Recipe(devices=ALL.devices, failed={"multi": "asked for both, but ran on one"}), "it ran elsewhere"),
        (Recipe(devices=["cpu", "gpu"]), "nothing runs on several devices"),
    ],
)
def test_nothing_is_said_without_all_that_it_needs(make: Maker, recipe: Recipe, why: str) -> None:
    settings, ok = measured(make, recipe)
    assert list(cells_at_once(settings, ok)) == [], why
    assert members_table(settings, ok).rows == []
    assert members_sentences(settings, ok) == []


def test_the_cumulative_hint_is_like_multi(make: Maker) -> None:
    settings, ok = measured(make, ALL, cpu=100, gpu=300, multi=340)
    auto = {"device": "AUTO:GPU,CPU", "requires": ["GPU", "CPU"]}
    hint = {"properties": {"PERFORMANCE_HINT": "CUMULATIVE_THROUGHPUT"}}
    alone = {"device": "MULTI:CPU", "requires": ["CPU"]}
    for spec, expected in ((auto, 0), (auto | hint, 2), (alone, 0)):
        changed = ReportSettings.model_validate(
            settings.plain() | {"devices": settings.plain()["devices"] | {"multi": spec}}
        )
        assert len(members_table(changed, ok).rows) == expected


def test_on_the_page(make: Maker) -> None:
    settings, records = make(ALL)
    text = page_of(settings, records)
    assert "Several devices at once" in text
    assert "Devices at once" in text
    settings, records = make(Recipe())
    text = page_of(settings, records)
    assert "evices at once" not in text


def remarked(make: Maker, remark: str) -> tuple[ReportSettings, Any, pd.DataFrame]:
    settings, records = make(Recipe(devices=["cpu", "auto"]))
    for session in records.sessions.values():
        if session.settings["device_name"] == "auto":
            for row in session.data["rows"].values():
                row["reason"] = remark
    return settings, records, results_frame(settings, records)


def test_remarks_of_measured_cells_are_told(make: Maker) -> None:
    settings, records, frame = remarked(make, "AUTO ran on <CPU>, not on GPU")
    assert set(frame["status"]) == {"ok"}
    tables = make_tables(settings, records)
    assert tables["remarks"].whole is not None
    assert len(tables["remarks"].whole.rows) == 6  # 3 precisions, 2 scenarios
    assert set(tables["remarks"].whole.raw()["device"]) == {"auto"}
    text = page_of(settings, records)
    assert text.count("AUTO ran on &lt;CPU&gt;, not on GPU") == 1
    assert ">Remarks</h2>" in text


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("noisy: 2 of 5 launches with steal 9 %", []),
        ("noisy: 2 of 5 launches with steal 9 %; also: AUTO ran on CPU, not on GPU", ["AUTO ran on CPU, not on GPU"]),
    ],
)
def test_noise_is_left_to_its_own_section(make: Maker, reason: str, shown: list[str]) -> None:
    settings, records, _ = remarked(make, reason)
    table = make_tables(settings, records)["remarks"]
    assert sorted({str(row[0]) for row in table.rows}) == shown


@pytest.mark.parametrize("noise", ["", "noisy: 2 of 5 launches with steal 9 %", "noisy: steal 9 %; also: streams 2"])
def test_what_is_to_be_known_of_the_images_is_told(make: Maker, noise: str) -> None:
    settings, records, _ = remarked(make, noise)
    for record in records.accuracies.values():
        record.data["remarks"] = ["0 of 40 images have labels", "3 files in <val> left out"]
    model = settings.experiment.models[0]
    records.variants[model, "int8"].data["remarks"] = ["3 files in <val> left out", "1 file in 'train' left out"]
    frame = results_frame(settings, records).set_index(["device", "precision"])
    told = "0 of 40 images have labels; 3 files in <val> left out"
    assert set(frame.loc[("cpu", "fp32"), "reason"]) == {told}
    assert set(frame.loc[("cpu", "int8"), "reason"]) == {f"{told}; calibration: 1 file in 'train' left out"}
    assert all(
        str(reason).startswith(noise) and told in str(reason) for reason in frame.loc[("auto", "fp32"), "reason"]
    )
    before = {"": "", "noisy: steal 9 %; also: streams 2": f"{noise}; "}.get(noise, f"{noise}; also: ")
    assert set(frame.loc[("auto", "fp32"), "reason"]) == {f"{before}{told}"}
    shown = {str(row[0]) for row in make_tables(settings, records)["remarks"].rows}
    assert all(told in remark and "noisy" not in remark for remark in shown)
    assert "3 files in &lt;val&gt; left out" in page_of(settings, records)


def test_no_remarks_no_section(make: Maker) -> None:
    settings, records, _ = remarked(make, "")
    tables = make_tables(settings, records)
    assert tables["remarks"].rows == []
    assert "<h2>Remarks</h2>" not in page_of(settings, records)


def test_the_split_of_hetero_is_shown(make: Maker) -> None:
    settings, records = make(Recipe(precisions=["fp32"], scenarios=["offline"]))
    (session,) = records.sessions.values()
    session.data["rows"]["fp32"]["effective"] |= {
        "operations_by_device": {
            "GPU.0": {"mac_share": 0.9, "operations": {"Convolution": ["a", "b"], "Relu": ["c"]}},
            "CPU": {"mac_share": 0.1, "operations": {"MatMul": ["d"]}},
            "": {"mac_share": None, "operations": {"Tilt": ["e"]}},
        },
        "gathered_requests": 4,
    }
    text = page_of(settings, records)
    for expected in (
        "operations on GPU.0",
        "2 Convolution and 1 Relu (90.0 % of the multiply-accumulates)",
        "operations on no device",
        "1 Tilt",
        "requests gathered into one inference",
    ):
        assert expected in text
