"""Layers of SqueezeNet and FastestDet: arithmetic, mapping, coverage and types are exact on however busy a machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from real_runs import needs_real_data, run_real

from ovlab.records import read_record

pytestmark = [pytest.mark.real, needs_real_data]
MODELS = {"squeezenet1_1": (349_151_936, 26), "fastestdet_coco": (121_491_744, 70)}
"""Multiply-accumulates, and operations that multiply."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("real")


@pytest.fixture(scope="module")
def results(folder: Path) -> pd.DataFrame:
    shorter = ("experiment.profile=true", "validation.limit=40", "validation.layer_check_images=0")
    return run_real("real_layers", folder, (*shorter, "profiling.duration_s=0.2"))


@pytest.fixture(scope="module")
def profiles(folder: Path, results: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """What the profiles say of each variant, by model and precision."""
    path = folder / "results/real_layers/profiles/here"
    return {model: read_record(path / model / "cpu/profile.json", "profile").data["variants"] for model in MODELS}


@pytest.mark.parametrize("model", MODELS)
def test_all_arithmetic_is_found_among_the_nodes_of_every_variant(model: str, profiles: dict[str, Any]) -> None:
    for precision, variant in profiles[model].items():
        assert variant["status"] == "ok", (precision, variant["reason"])
        totals = {name: one["value"] for name, one in variant["totals"].items()}
        macs, operations = MODELS[model]
        assert (totals["macs"], totals["mapped_macs"]) == (macs, macs), precision
        assert (totals["mac_operations"], totals["mapped_mac_operations"]) == (operations, operations), precision
        assert variant["coverage"]["missing"] == []


def test_int8_covers_what_was_quantised(profiles: dict[str, Any]) -> None:
    whole, part = (profiles["squeezenet1_1"][name]["coverage"] for name in ("int8", "int8_but_conv10"))
    assert whole["shares"]["macs"]["value"] == 1
    assert part["shares"]["macs"]["value"] == pytest.approx(0.752, abs=0.001)
    reasons = {one["layer"]: one["why"] for one in part["floating"] if one["macs"]}
    assert reasons == {"conv10_1/WithoutBiases": "in the ignored scope"}
    assert profiles["fastestdet_coco"]["int8"]["coverage"]["shares"]["macs"]["value"] == 1


def test_types_are_those_that_were_executed(results: pd.DataFrame, profiles: dict[str, Any]) -> None:
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").is_file() else ""
    by_default = "bf16" if "avx512_bf16" in flags or "amx_bf16" in flags else "f32"
    rows = results.set_index(["model", "precision"])
    for model, variants in profiles.items():
        executed = {name: one["executed_precision"] for name, one in variants.items()}
        assert (executed["fp32"], executed["default"], executed["int8"]) == ("f32", by_default, "i8")
        for name, one in executed.items():
            assert rows.loc[(model, name), "executed_precision"] == one
    assert profiles["squeezenet1_1"]["int8_but_conv10"]["executed_precision"] == "i8+f32"
    shares = rows["int8_time_share"]
    assert (shares.xs("int8", level="precision") > 0.9).all()
    assert (shares.xs("fp32", level="precision") < 0.1).all()


@pytest.mark.parametrize("model", MODELS)
def test_parts_add_up(model: str, profiles: dict[str, Any], folder: Path) -> None:
    for variant in profiles[model].values():
        assert sum(one["value"] for one in variant["verdict"]["shares"].values()) == pytest.approx(1)
    record = read_record(folder / f"results/real_layers/profiles/here/{model}/cpu/profile.json", "profile")
    names = list(profiles[model])
    assert len(record.data["comparisons"]) == len(names) * (len(names) - 1) / 2
    for one in record.data["comparisons"]:
        for view in ("by_layers", "by_cause"):
            assert sum(part["value"] for part in one[view].values()) == pytest.approx(one["saved"]["value"])


@pytest.mark.parametrize("model", MODELS)
def test_the_graph_is_connected(model: str, folder: Path, results: pd.DataFrame) -> None:
    nodes = pd.read_parquet(folder / f"results/real_layers/profiles/here/{model}/cpu/nodes.parquet")
    for _, own in nodes.groupby("precision"):
        sources = {
            number: set(map(int, text.split())) for number, text in zip(own["order"], own["inputs"], strict=True)
        }
        assert all(source < number for number, taken in sources.items() for source in taken)
        # Only inputs take from no node.
        assert {own["type"].iloc[number] for number, taken in sources.items() if not taken} == {"Input"}
    graphs = folder / "results/real_layers/report/graphs"
    assert {one.suffix for one in graphs.glob(f"topology_{model}_cpu_*")} == {".json", ".dot"}
