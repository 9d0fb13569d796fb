"""Servers, sweeps and costs in the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from report_factory import Maker, Recipe, make_plots, make_tables

from ovlab.records import Quantity
from ovlab.report import Records, report, results_frame
from ovlab.report.sections.findings.speed import speed_sentences
from ovlab.report.sections.server import server_paragraphs
from ovlab.report.sections.sweep import sweep_paragraphs
from ovlab.report.sections.sweep.points import sweep_points
from ovlab.specs import ReportSettings, ScenarioSpec

SERVER = {"mode": "server", "server": {"rate": "50%", "p99_ms": 20}}
SWEEP = {"mode": "sweep", "sweep": {"batch": [1, 2], "streams": [None, 2], "latency_limit_ms": 12}}
POINTS = [(1, None), (1, 2), (2, None), (2, 2)]


def point(precision: str, number: int, stage: str) -> dict[str, Any]:
    batch, streams = POINTS[number]
    return {
        "precision": precision,
        "stage": stage,
        "chosen": stage == "finalist" and number == 2,
        "batch": batch,
        "infer_requests": None,
        "streams": streams,
        "launches": 1 if stage == "coarse" else 3,
        "error": "",
        "executed_infer_requests": 2,
        "executed_streams": streams or 4,
        "throughput_fps": 100.0 + 10 * number,
        **{f"latency_ms_p{q}": 5.0 * batch + q / 25 for q in (50, 90, 95, 99)},
        "timed_inferences": 50,
        "noisy_launches": 0,
    }


def loaded(make: Maker) -> tuple[ReportSettings, Records]:
    settings, records = make(Recipe(scenarios=["server", "sweep"]))
    scenarios = {"server": ScenarioSpec.model_validate(SERVER), "sweep": ScenarioSpec.model_validate(SWEEP)}
    settings = settings.model_copy(update={"scenarios": scenarios})
    for number, outcome in enumerate(records.sessions["net", "cpu", "server", "here"].data["rows"].values()):
        outcome["values"] |= {
            "offered_rate": vars(Quantity(60.0, "1/s")),
            "max_rate": vars(Quantity(100.0 * (number + 1), "1/s", 95.0 * (number + 1), 105.0 * (number + 1))),
            "capacity": vars(Quantity(130.0 * (number + 1), "1/s")),
            "compile_time_cached": vars(Quantity(12.5, "ms")),
            "steady_rss": vars(Quantity(111.5, "MB")),
            "energy_package": vars(Quantity(33.25, "mJ")),
        }
    sweep = [point(name, n, "coarse") for name in ("fp32", "fp16", "int8") for n in range(4)]
    sweep += [point(name, n, "finalist") for name in ("fp32", "fp16", "int8") for n in (2, 1)]
    failed = {"precision": "fp32", "stage": "coarse", "chosen": False, "batch": 2, "infer_requests": None, "streams": 2}
    sweep[3] = failed | {"launches": 0, "error": "batch: the model cannot take 2"}
    records.sessions["net", "cpu", "sweep", "here"].data["sweep"] = sweep
    return settings, records


def test_results_have_the_servers_columns(make: Maker) -> None:
    settings, records = loaded(make)
    frame = results_frame(settings, records).set_index(["scenario", "precision"])
    row = frame.loc["server", "int8"]
    assert (row["offered_rate"], row["max_rate"], row["max_rate_low"], row["max_rate_high"]) == (60, 300, 285, 315)
    assert (row["capacity"], row["compile_cached_ms"], row["steady_rss_mb"]) == (390, 12.5, 111.5)
    assert row["energy_mj_per_inference"] == 33.25
    assert pd.isna(row["energy_mj_per_inference_psys"])
    assert frame.loc["sweep"]["max_rate"].isna().all()


def test_the_tables(make: Maker) -> None:
    settings, records = loaded(make)
    tables = make_tables(settings, records)
    server = tables["server"]
    assert len(server.rows) == 3
    assert "reason" not in [column.key for column in server.columns]  # nothing to note
    short = tables["sweep"]
    assert short.whole is not None
    sweep = short.whole.raw()
    assert len(sweep) == 12 + 6
    assert sweep["streams"].tolist()[:4] == ["hint", "2", "hint", "2"]
    assert sweep["choice"].tolist().count("chosen") == 3
    assert len(short.rows) == 6
    keys = [column.key for column in short.columns]
    assert "stage" not in keys
    assert "error" not in keys  # no finalist has one
    costs = [column.key for column in tables["costs"].columns]
    assert "energy_mj_per_inference" in costs
    assert "energy_mj_per_inference_psys" not in costs  # no cell tells it


def test_without_servers_and_sweeps_nothing_is_said_of_them(make: Maker, tmp_path: Path) -> None:
    settings, records = make(Recipe())
    assert server_paragraphs(settings) == sweep_paragraphs(settings) == []
    assert sweep_points(records).empty
    report(settings, records, tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert 'id="server-section"' not in text
    assert 'id="sweep-section"' not in text
    assert not list((tmp_path / "figures").glob("s[ew]*_*"))


def test_the_page_shows_both(make: Maker, tmp_path: Path) -> None:
    settings, records = loaded(make)
    row = records.sessions["net", "cpu", "server", "here"].data["rows"]["fp32"]
    row["reason"] = "overloaded: 60 arrivals/s, but at most 50/s are served"
    report(settings, records, tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    for part in (
        "overloaded: 60 arrivals/s",
        "Poisson process, 50% of what the reference does",
        "sweep.csv has every point",
    ):
        assert part in text
    for name in ("server", "sweep_net_cpu_sweep"):
        for suffix in ("svg", "pdf", "png"):
            assert (tmp_path / "figures" / f"{name}.{suffix}").stat().st_size > 0
    assert len(pd.read_csv(tmp_path / "tables" / "sweep.csv")) == 18
    assert len(pd.read_csv(tmp_path / "tables" / "server.csv")) == 3


def test_the_matrix_marks_limit_failure_and_choice(make: Maker) -> None:
    settings, records = loaded(make)
    plot = make_plots(settings, records)["sweep_net_cpu_sweep"]
    texts = [text.get_text() for text in plot.figure.axes[0].texts]
    # 5 * 2 + 99 / 25 ms is above the limit of 12; the last point failed.
    assert texts == ["100", "(120)", "110", "×"]  # row by row: batch 1, batch 2
    assert all(len(axes.patches) == 1 for axes in plot.figure.axes)
    assert "above the limit of 12 ms" in plot.caption


@pytest.mark.parametrize(("rate", "expected"), [("50%", "50% of what the reference does"), (40, "40 per second")])
def test_how_a_server_was_measured(make: Maker, rate: float | str, expected: str) -> None:
    settings, _ = loaded(make)
    server = ScenarioSpec.model_validate({"mode": "server", "server": {"rate": rate, "p99_ms": 20}})
    settings = settings.model_copy(update={"scenarios": settings.scenarios | {"server": server}})
    (paragraph,), (sweep,) = server_paragraphs(settings), sweep_paragraphs(settings)
    assert expected in paragraph
    assert "p99 within 20 ms: 6 bisections" in paragraph
    assert "4 points of batch" in sweep
    assert "latency p99 is within 12 ms" in sweep


def test_a_server_without_a_highest_rate() -> None:
    row = {"device": "cpu", "offered_rate": 60.0, "speedup": None, "launches": 5}
    assert speed_sentences([row], "fp32") == [
        "On cpu no speed-up is known, since no highest rate was found for both it and fp32."
    ]
