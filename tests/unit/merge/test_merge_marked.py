"""What may stand side by side and differs is marked; what was measured twice is told to agree or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from merged import SMALL, tables_of
from result_folders import Made, write_results

from ovlab.merge.merging import Results, merge
from ovlab.records import Record


@pytest.mark.parametrize(
    ("made", "what", "marked"),
    [
        (Made(SMALL, environment={"packages": {"openvino": "2025.4"}}), "openvino", ["fp32", "int8"]),
        (Made(SMALL, environment={"os": "Linux-other"}), "OS", ["fp32", "int8"]),
        (Made(SMALL, settings={"seed": 7}), "seed", ["fp32", "int8"]),
        (
            Made(SMALL, settings={"precisions": {"int8": {"quantization": {"subset": 10}}}}),
            "precision int8: quantization.subset",
            ["int8"],
        ),
        (
            Made(SMALL, settings={"scenarios": {"single_stream": {"threads": 1}}}),
            "scenario single_stream: threads",
            ["fp32", "int8"],
        ),
        (Made(SMALL, settings={"devices": {"cpu": {"device": "CPU.0"}}}), "device cpu: device", ["fp32", "int8"]),
        (Made(SMALL, settings={"validation": {"device": "GPU"}}), "validation.device", ["fp32", "int8"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_differs_is_marked(made: Made, what: str, marked: list[str], tmp_path: Path) -> None:
    folders = [write_results(tmp_path / "a", Made(SMALL)), write_results(tmp_path / "b", made)]
    page = merge([Results(folders[0], "x"), Results(folders[1], "y")], tmp_path)
    results, differences = tables_of(page, "results", "differences")
    assert set(differences["what"]) == {what}
    assert results[results["differs"] == what][["host", "precision"]].to_numpy().tolist() == [["y", p] for p in marked]
    assert set(results["differs"]) <= {"", what}


def test_the_marked_are_the_few(tmp_path: Path) -> None:
    """Of three hosts, the one that differs, though it comes first."""
    made = [Made(SMALL, environment={"packages": {"openvino": version}}) for version in ("1", "2", "2")]
    folders = [write_results(tmp_path / name, one) for name, one in zip("abc", made, strict=True)]
    page = merge([Results(one, f"h{one.name}") for one in folders], tmp_path)
    results, differences = tables_of(page, "results", "differences")
    assert set(results[results["differs"] == "openvino"]["host"]) == {"ha"}
    assert differences["hosts"].tolist() == ["hb, hc", "ha"]


def test_cells_measured_twice_are_told_to_agree_or_not(tmp_path: Path) -> None:
    def slower(record: Record) -> None:
        if record.kind == "session":
            for name, value in record.data["rows"]["int8"]["values"]["throughput"].items():
                if name != "unit":
                    record.data["rows"]["int8"]["values"]["throughput"][name] = value * 0.9

    folders = [write_results(tmp_path / "a", Made(SMALL)), write_results(tmp_path / "b", Made(SMALL, change=slower))]
    page = merge([Results(one, f"h{one.name}") for one in folders], tmp_path)
    (twice,) = tables_of(page, "measured_twice")
    assert twice[["precision", "host", "other_host", "verdict"]].to_numpy().tolist() == [
        ["fp32", "ha", "hb", "agree"],
        ["int8", "ha", "hb", "differ"],
    ]
    text = page.read_text(encoding="utf-8")
    assert "2 pairs of cells measured twice on one machine: 1 of 2 with intervals agree" in text


@pytest.mark.parametrize(
    "made",
    [
        Made(SMALL, settings={"measurement": {"duration_s": 9.0}}),
        Made(SMALL, environment={"cpu": {"model": "Another CPU"}}),
        Made(SMALL, environment={"packages": {"openvino": "2025.4"}}),
    ],
    ids=["settings", "machine", "software"],
)
def test_what_was_measured_otherwise_is_no_repetition(made: Made, tmp_path: Path) -> None:
    folders = [write_results(tmp_path / "a", Made(SMALL)), write_results(tmp_path / "b", made)]
    page = merge([Results(one) for one in folders], tmp_path)
    assert tables_of(page, "measured_twice")[0].empty


def test_nodes_of_other_names_are_other_machines(tmp_path: Path) -> None:
    def on(node: str) -> Any:
        return lambda record: record.data.setdefault("host", {}).update(node=node)

    made = [Made(SMALL, change=on(name)) for name in ("n1", "n2", "n1")]
    folders = [write_results(tmp_path / name, one) for name, one in zip("abc", made, strict=True)]
    page = merge([Results(one) for one in folders], tmp_path)
    twice, hosts = tables_of(page, "measured_twice", "merged")
    assert hosts["host"].tolist() == ["n1-a", "n2", "n1-c"]
    assert set(zip(twice["host"], twice["other_host"], strict=True)) == {("n1-a", "n1-c")}


def test_accuracy_is_that_of_the_device_where_the_host_asked_for_it(tmp_path: Path) -> None:
    recipe = replace(SMALL, devices=["cpu", "gpu"])
    devices = {"gpu": {"device": "GPU"}}
    asks = Made(recipe, settings={"experiment": {"validate_on": ["gpu"]}, "devices": devices})
    folders = [write_results(tmp_path / "a", asks), write_results(tmp_path / "b", Made(recipe, {"devices": devices}))]
    page = merge([Results(folders[0], "x"), Results(folders[1], "y")], tmp_path)
    results, differences = tables_of(page, "results", "differences")
    found = results[results["precision"] == "int8"].set_index(["host", "device"])
    assert found["accuracy_device"].to_dict() == {
        ("x", "cpu"): "CPU",
        ("x", "gpu"): "GPU",
        ("y", "cpu"): "CPU",
        ("y", "gpu"): "CPU",
    }
    assert (results["status"] == "ok").all()
    assert found.loc[("x", "gpu"), "accuracy"] == pytest.approx(0.406)
    assert found.loc[("y", "gpu"), "accuracy"] == found.loc[("x", "cpu"), "accuracy"] == pytest.approx(0.606)
    assert set(differences["what"]) == {"device gpu: validated on"}
    assert found["differs"].to_dict()["y", "gpu"] == "device gpu: validated on"
    assert found["differs"].to_dict()["y", "cpu"] == ""
