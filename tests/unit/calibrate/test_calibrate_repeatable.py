"""The same conversion or calibration gives the same bytes in every process: a variant's hash means something."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino as ov
import openvino.opset13 as op
import pytest

from ovlab.convert import save_ir
from ovlab.convert.naming import name_by_position, names_of
from ovlab.runtime import read_ir

ROOT = Path(__file__).parents[3]
# Converts, then calibrates, both as the steps do; between them, what other work leaves in a process is made up.
PROGRAM = """
import sys, threading, ovlab
from pathlib import Path
import numpy as np, openvino as ov, openvino.opset13 as op
folder, nodes, megabytes, threads = Path(sys.argv[1]), *map(int, sys.argv[2:])
held = [bytearray(1 << 20) for _ in range(megabytes)][::2]

from ovlab.calibrate import calibrate
from ovlab.convert import convert
from ovlab.generators import generate
from ovlab.records import Record, write_record
from ovlab.specs import CalibrateSettings
from ovlab_flow import load_grid

chosen = ["experiment.models=[digits_cnn]", "experiment.precisions=[fp32,int8,int8_weights]",
    "precision.quantization.subset=12"]
grid = load_grid("quickstart", overrides=chosen)
generate("digits", folder / "digits", size=64)
data = Record("source", {}, data={"root": str(folder / "digits"), "files": []})
model = Record("source", {}, data={"root": "resources", "files": []})
base = next(one for one in grid.variants.values() if one.precision == "fp32")
made = convert(base.settings, model, data, folder / "fp32")
write_record(folder / "fp32" / "variant.json", made)
kept = [op.constant(np.zeros(1)) for _ in range(nodes)]
make = lambda: [op.constant(np.zeros(1)) for _ in range(50)]
others = [threading.Thread(target=make) for _ in range(threads)]
for one in others: one.start()
for one in grid.variants.values():
    if isinstance(one.settings, CalibrateSettings):
        calibrate(one.settings, made, folder / "fp32", data, folder / one.precision)
"""
PROCESSES = {"plain": ("0", 0, 0, 0), "used": ("77", 5001, 200, 4)}


def start(folder: Path, seed: str, *amounts: int) -> subprocess.Popen[bytes]:
    folder.mkdir()
    command = [sys.executable, "-c", PROGRAM, str(folder), *map(str, amounts)]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": seed})


def test_every_process_writes_the_same_bytes(tmp_path: Path) -> None:
    started = [start(tmp_path / name, *amounts) for name, amounts in PROCESSES.items()]
    assert [process.wait() for process in started] == [0, 0]
    expected = [f"{one}/model.{suffix}" for one in ("fp32", "int8", "int8_weights") for suffix in ("bin", "xml")]
    plain, used = tmp_path / "plain", tmp_path / "used"
    assert [file for file in expected if (plain / file).read_bytes() != (used / file).read_bytes()] == []


def with_loop() -> ov.Model:
    """A model with names of its own, automatic names, and a loop that has both."""
    x = op.parameter([1, 4], np.float32, name="x")
    x.output(0).set_names({"image"})
    inside = op.parameter([1, 4], np.float32)
    step, go_on = op.relu(inside, name="own"), op.constant(True, bool)
    loop = op.loop(op.constant(3), op.constant(True, bool))
    loop.set_function(ov.Model([op.result(op.abs(step)), op.result(go_on)], [inside]))
    loop.set_special_body_ports([-1, 1])
    body = loop.get_function()
    loop.set_merged_input(body.get_parameters()[0], x.output(0), body.results[0].output(0))
    named = op.add(
        loop.get_iter_value(body.results[0].output(0), -1), op.constant(np.ones(4, np.float32)), name="Add_7"
    )
    named.output(0).set_names({"scores"})
    return ov.Model([op.result(named)], [x])


def test_names_of_others_stay_and_automatic_ones_follow_from_the_position(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        save_ir(with_loop(), tmp_path / name, compress=False)
        found.append((tmp_path / name / "model.xml").read_bytes())
    assert found[0] == found[1]
    saved = read_ir(tmp_path / "a" / "model.xml")
    assert {"x", "own", "Add_7"} <= names_of(saved)
    assert [list(port.get_names()) for port in (*saved.inputs, *saved.outputs)] == [["image"], ["scores"]]


def test_a_name_means_the_same_layer_in_a_variant_and_in_its_base(tmp_path: Path) -> None:
    save_ir(with_loop(), tmp_path / "base", compress=False)
    variant = read_ir(tmp_path / "base" / "model.xml")
    base = names_of(variant)
    result = variant.get_results()[0]
    scaled = op.multiply(result.input_value(0), op.constant(np.full(4, 2, np.float32)))
    handed_on = op.relu(scaled)
    handed_on.set_friendly_name("Abs_123456")  # as a pass does that has replaced the node of this name
    below = op.relu(handed_on)
    below.set_friendly_name(f"{scaled.get_friendly_name()}/fq_output_0")  # as NNCF calls what it adds to a node
    result.input(0).replace_source_output(below.output(0))
    save_ir(variant, tmp_path / "variant", compress=False, base=base)
    made = names_of(read_ir(tmp_path / "variant" / "model.xml"))
    assert base <= made
    assert len(made - base) == 4
    kind, _, position = sorted(made - base)[1].partition("_")
    assert kind == "Multiply"
    assert f"Multiply_{position}/fq_output_0" in made or position.endswith("/fq_output_0")
    assert not [name for name in made if "123456" in name]


@pytest.mark.parametrize("base", [(), ("a", "Relu_1")])
def test_no_two_nodes_share_a_name(base: tuple[str, ...]) -> None:
    x = op.parameter([1], np.float32, name="Relu_1")
    model = ov.Model([op.result(op.relu(op.relu(x)))], [x])
    name_by_position(model, base)
    names = [node.get_friendly_name() for node in model.get_ordered_ops()]
    assert names[0] == "Relu_1"
    assert len(set(names)) == len(names)
    again = list(names)
    name_by_position(model, names)
    assert [node.get_friendly_name() for node in model.get_ordered_ops()] == again
