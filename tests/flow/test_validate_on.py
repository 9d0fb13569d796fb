"""Validation on devices of the experiment: which jobs there are, made from what, and what stays as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from workflow_runs import ROOT, TINY, copy_workflow, planned, snakemake

from ovlab.errors import OvlabError
from ovlab_flow import Grid, load_grid
from ovlab_flow.grid.jobs import Accuracy
from ovlab_flow.grid_cache.plain_grid import grid_of, plain_grid

DEVICES = {
    "auto_cpu": "device: 'AUTO:CPU'\nrequires: [CPU]\n",
    "tuned": "device: CPU\nproperties: {NUM_STREAMS: 2}\n",
    "plain": "description: The same as validation.device.\ndevice: CPU\n",
}
FEW = (
    "experiment.models=[digits_cnn]",
    "experiment.precisions=[fp32,fp16,int8]",
    "experiment.devices=[cpu,gpu,auto_cpu,tuned,plain]",
    "experiment.scenarios=[single_stream]",
)


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    for group, files in {"device": DEVICES, "host": {"lab": "slurm: {partition: gpus}\n"}}.items():
        (tmp_path / "conf" / group).mkdir(parents=True)
        for name, text in files.items():
            (tmp_path / "conf" / group / f"{name}.yaml").write_text(text)
    return tmp_path / "conf"


def grid(conf: Path, devices: str = "", *overrides: str) -> Grid:
    asked = [f"experiment.validate_on=[{devices}]"] if devices else []
    return load_grid("quickstart", extra_conf=str(conf), overrides=[*FEW, *asked, *overrides])


def on(found: Grid, device: str | None) -> dict[str, Accuracy]:
    return {one.variant.precision: one for one in found.accuracies.values() if one.device == device}


def test_every_variant_is_validated_on_the_devices_that_are_asked_for_besides(conf: Path) -> None:
    none, two = grid(conf), grid(conf, "gpu,auto_cpu")
    assert on(none, None) == on(two, None)  # digests, settings and all
    assert set(on(none, "gpu")) == set()
    for device, string in (("gpu", "GPU"), ("auto_cpu", "AUTO:CPU")):
        found = on(two, device)
        assert set(found) == {"fp32", "fp16", "int8"}
        assert {one.settings.validation.device for one in found.values()} == {string}
        assert {one.settings.device_name for one in found.values()} == {device}
        assert [found[name].reference for name in ("fp32", "fp16", "int8")] == [None, found["fp32"], found["fp32"]]
    assert len({digest for _, _, digest in two.accuracies}) == 3 * 3
    assert (none.variants, none.sessions, none.profiles) == (two.variants, two.sessions, two.profiles)


def test_who_does_not_ask_has_settings_as_before_there_was_a_choice(conf: Path) -> None:
    for one in grid(conf).accuracies.values():
        assert not {"device", "device_name"} & json.loads(one.settings.to_json()).keys()
    assert "validate_on" not in grid(conf).report.experiment.plain()


def test_a_device_that_is_the_same_shares_the_validation_and_one_that_is_tuned_has_its_own(conf: Path) -> None:
    assert grid(conf, "cpu,plain").accuracies == grid(conf).accuracies
    (string,) = {one.settings.validation.device for one in on(grid(conf, "tuned"), "tuned").values()}
    assert string == "CPU"
    other = grid(conf, "plain", "validation.device=GPU")
    assert set(on(other, "plain")) == {"fp32", "fp16", "int8"}


def test_only_variants_of_cells_are_validated_on_a_device_and_the_reference_where_one_is(conf: Path) -> None:
    left = grid(conf, "gpu", "experiment.exclude=[{device: gpu, precision: fp16}]")
    assert set(on(left, "gpu")) == {"fp32", "int8"}
    alone = grid(conf, "gpu", "experiment.exclude=[{device: gpu, precision: fp32},{device: gpu, precision: fp16}]")
    assert set(on(alone, "gpu")) == {"fp32", "int8"}
    assert not on(grid(conf, "gpu", "experiment.exclude=[{device: gpu}]"), "gpu")


def test_of_repeated_calibrations_the_one_that_is_measured_is_validated_on_a_device(conf: Path) -> None:
    (conf / "precision").mkdir()
    shipped = (ROOT / "conf/precision/int8.yaml").read_text(encoding="utf-8")
    (conf / "precision/int8.yaml").write_text(f"{shipped}\ncalibration_seeds: 3\n")
    found = grid(conf, "gpu")
    assert [precision for _, precision, _ in found.accuracies].count("int8") == 3 + 1
    assert on(found, "gpu")["int8"].settings.calibration_seed == 0
    measured = next(iter(found.sessions.values())).variants
    assert on(found, "gpu")["int8"].variant in measured


def test_the_validation_runs_on_a_host_that_has_the_device(conf: Path) -> None:
    hosts = ("experiment.hosts=[here,lab]", "experiment.exclude=[{device: gpu, host: here}]")
    found = grid(conf, "gpu,auto_cpu", *hosts)
    assert {one.host for one in on(found, "gpu").values()} == {"lab"}
    assert {one.host for one in on(found, "auto_cpu").values()} == {"here"}
    assert {one.host for one in on(found, None).values()} == {None}


def test_a_kept_grid_has_them_too(conf: Path) -> None:
    found = plain_grid(grid(conf, "gpu,auto_cpu"))
    again = grid_of(json.loads(json.dumps(found)))
    assert set(on(again, "gpu")) == {"fp32", "fp16", "int8"}
    assert json.loads(json.dumps(plain_grid(again))) == json.loads(json.dumps(found))


@pytest.mark.parametrize(
    ("devices", "said"),
    [
        ("gpuu", "'gpuu' is none of the experiment's devices; did you mean 'gpu'?"),
        ("npu", "'npu' is none of the experiment's devices"),
        ("GPU", "'GPU' is none of the experiment's devices; did you mean 'gpu'?"),
        ("gpu,gpu", "names something twice ('gpu')"),
    ],
)
def test_a_device_that_the_experiment_does_not_list_is_told_in_one_line(conf: Path, devices: str, said: str) -> None:
    with pytest.raises(OvlabError) as error:
        grid(conf, devices)
    assert f"quickstart.yaml: experiment: validate_on: {said}" in str(error.value)
    assert "\n" not in str(error.value)


def test_jobs_are_planned_for_the_devices_and_reported(tmp_path: Path) -> None:
    folder = copy_workflow(tmp_path)
    (folder / "conf/device/auto_cpu.yaml").write_text(DEVICES["auto_cpu"])
    asked = ("experiment.devices=[cpu,auto_cpu]", "experiment.validate_on=[cpu,auto_cpu]")
    done = snakemake(folder, "-n", overrides=(*TINY, *asked))
    assert done.returncode == 0, done.stdout
    assert (planned(done.stdout)["validate"], planned(done.stdout)["validate_on"]) == (3, 3)
    assert "validate digits_cnn in int8 on auto_cpu" in done.stdout
