"""One network through every framework's own format, as a user would: written by the real tool, then one experiment.

What a machine lacks is skipped with the reason: the tools are installed by ``make frameworks``.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pandas as pd
import pytest
import yaml
from framework_tools import PYTHON, made, need, why_not
from workflow_runs import TINY, config_values, copy_workflow

from ovlab.convert.frontends import read_original
from ovlab.records import read_record
from ovlab.runtime import core, read_ir
from ovlab.specs import ModelSpec

pytestmark = pytest.mark.timeout(1700)  # a few minutes where nothing else runs
SCALED = {"mean": [127.5], "scale": [127.5]}
OPEN = [-1, 3, 64, 64]


@dataclass(frozen=True)
class Way:
    """A model's YAML, by what is not the same for all.

    Attributes
    ----------
    made_by : str
        The tool that writes the file.
    path : str
        In the tool's folder.
    framework : str
        As the YAML calls it.
    output : str
        The name that ``output.name`` gives, where there are two outputs; ``features`` is the other one's.
    """

    made_by: str
    path: str
    framework: str
    layout: str = "NCHW"
    shape: list[int] | None = None
    preprocess: dict[str, Any] = field(default_factory=lambda: SCALED)
    output: str | None = None
    features: str | None = None
    beside: tuple[str, ...] = ()


WAYS = {
    "eager_onnx": Way("pytorch", "exported.onnx", "onnx"),
    "ir": Way("pytorch", "exported.xml", "ir", beside=("exported.bin",)),
    "traced": Way("pytorch", "traced.pt", "pytorch", shape=OPEN),
    "scripted": Way("pytorch", "scripted.pt", "pytorch", shape=OPEN),
    "traced_two": Way("pytorch", "two_outputs.pt", "pytorch", shape=OPEN, output="output_1", features="output_0"),
    "exported": Way("pytorch", "static.pt2", "pytorch"),
    "exported_open": Way("pytorch", "dynamic.pt2", "pytorch"),
    "saved_model": Way("tensorflow", "saved_model", "tensorflow", "NHWC"),
    "saved_model_bytes": Way("tensorflow", "saved_model_uint8", "tensorflow", "NHWC", preprocess={}),
    "frozen_graph": Way("tensorflow", "frozen.pb", "tensorflow", "NHWC"),
    "tflite": Way("tensorflow", "network.tflite", "tflite", "NHWC"),
    "tflite_two": Way(
        "tensorflow",
        "two_outputs.tflite",
        "tflite",
        "NHWC",
        output="StatefulPartitionedCall:1",
        features="StatefulPartitionedCall:0",
    ),
    "paddle_folder": Way("paddle", "model", "paddle"),
    "paddle_files": Way("paddle", "model/inference.pdmodel", "paddle", beside=("model/inference.pdiparams",)),
}


def model_yaml(way: Way, folder: Path, **changes: Any) -> dict[str, Any]:
    """The YAML that a user writes for a file in a tool's folder."""
    image: dict[str, Any] = {"layout": way.layout} | ({"shape": way.shape} if way.shape else {})
    output: dict[str, Any] = {"classes": 10} | ({"name": way.output} if way.output else {})
    return {
        "framework": way.framework,
        "files": [{"path": str(folder / name)} for name in (way.path, *way.beside)],
        "licence": "Apache-2.0",
        "task": "classification",
        "dataset": "digits",
        "input": image,
        "preprocess": way.preprocess,
        "output": output,
    } | changes


def run(folder: Path, conf: Path, names: list[str]) -> subprocess.CompletedProcess[str]:
    """Run an experiment with these models, in a copy of the workflow, by the Python that has the frameworks."""
    overrides = [one for one in TINY if not one.startswith(("experiment.models", "experiment.precisions"))]
    overrides += [f"experiment.models=[{','.join(names)}]", "experiment.precisions=[fp32,int8]"]
    values = config_values(overrides=tuple(overrides), extra_conf=str(conf))
    return subprocess.run(
        [PYTHON, "-W", "ignore", "-m", "snakemake", "--cores", "all", "--config", *values],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1500,
        check=False,
    )


@dataclass(frozen=True)
class Experiment:
    """A run of all ways that this machine can go."""

    folder: Path
    results: pd.DataFrame
    goldens: dict[str, dict[str, Any]]
    output: str


@pytest.fixture(scope="module")
def experiment(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """One experiment with every model whose framework is there."""
    tools = [name for name in ("pytorch", "tensorflow", "paddle") if not why_not(name)]
    if not tools:
        need("pytorch")
    conf, folder = tmp_path_factory.mktemp("conf"), tmp_path_factory.mktemp("run")
    (conf / "model").mkdir()
    places = {name: made(name, models) for name in tools}
    if "pytorch" in places:
        original = places["pytorch"] / "exported.onnx"
        ov.save_model(core().read_model(original), original.with_suffix(".xml"), compress_to_fp16=False)
    names = [name for name, way in WAYS.items() if way.made_by in places]
    for name in names:
        text = yaml.safe_dump(model_yaml(WAYS[name], places[WAYS[name].made_by]))
        (conf / "model" / f"{name}.yaml").write_text(text, encoding="utf-8")
    done = run(copy_workflow(folder), conf, names)
    table = folder / "results" / "quickstart" / "report" / "tables" / "results.csv"
    assert table.is_file(), done.stdout[-5000:]
    goldens = {name: dict(np.load(place / "golden.npz")) for name, place in places.items()}
    return Experiment(folder, pd.read_csv(table), goldens, done.stdout)


def rows_of(experiment: Experiment, name: str) -> pd.DataFrame:
    need(WAYS[name].made_by)
    rows = experiment.results[experiment.results["model"] == name].set_index("precision")
    assert (rows["status"] == "ok").all(), rows["reason"].to_string()
    return rows


@pytest.mark.parametrize("name", WAYS)
def test_every_way_is_converted_calibrated_validated_and_benchmarked(experiment: Experiment, name: str) -> None:
    rows = rows_of(experiment, name)
    assert list(rows.index) == ["fp32", "int8"]
    assert rows["executed_precision"].to_dict() == {"fp32": "f32", "int8": "i8"}
    # The trained network on 40 digits, whatever format it came in.
    assert rows.loc["fp32", "accuracy"] > 0.9 and rows.loc["int8", "accuracy"] > 0.8
    assert (rows["latency_ms_p50"] > 0).all()


@pytest.mark.parametrize("name", WAYS)
def test_outputs_are_the_frameworks_own(experiment: Experiment, name: str) -> None:
    rows_of(experiment, name)
    (path,) = experiment.folder.glob(f"results/variants/{name}/fp32/*/model.xml")
    compiled = core().compile_model(read_ir(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    way, golden = WAYS[name], experiment.goldens[WAYS[name].made_by]
    outputs = {"logits": way.output or compiled.outputs[0].get_any_name()}
    outputs |= {"features": way.features} if way.features and "features" in golden else {}
    for number, image in enumerate(golden["images"]):
        answer = compiled(np.ascontiguousarray(image[None, ..., ::-1]))  # the IR takes BGR
        for what, output in outputs.items():
            expected = golden[what][number : number + 1]
            np.testing.assert_allclose(answer[output], expected, rtol=0, atol=1e-4 * np.abs(golden[what]).max())


def test_the_report_calls_outputs_by_their_names(experiment: Experiment) -> None:
    for name, way in WAYS.items():
        if way.output is None or why_not(way.made_by):
            continue
        (path,) = experiment.folder.glob(f"results/accuracy/{name}/int8/*/accuracy.json")
        found = {one["name"] for one in read_record(path).data["layer_check"]["outputs"]}
        assert found == {way.output, way.features}, name


@pytest.mark.parametrize("kind", ["int8", "uint8"])
def test_outputs_that_a_quantised_file_has_as_whole_numbers_are_values(models: Path, kind: str) -> None:
    folder = made("tensorflow", models)
    way = Way("tensorflow", f"quantised_{kind}.tflite", "tflite", "NHWC", preprocess={}, output="x")
    model = read_original(folder, ModelSpec.model_validate(model_yaml(way, folder)))
    assert [port.get_element_type() for port in model.outputs] == [ov.Type.f32] * 2
    compiled = core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    golden = np.load(folder / "golden.npz")
    for number, image in enumerate(golden["images"]):
        pixels = image[None] if kind == "uint8" else (image[None].astype(np.int16) - 128).astype(np.int8)
        answer = compiled(pixels)
        for port in compiled.outputs:
            what = "logits" if len(port.get_shape()) == 2 else "features"
            expected = golden[what][number : number + 1]
            assert np.abs(answer[port] - expected).max() < 0.05 * np.ptp(golden[what]), what
