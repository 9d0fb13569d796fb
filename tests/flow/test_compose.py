"""Every configuration composes, and every mistake is answered in one line."""

from __future__ import annotations

import ast
import functools
import shutil
from pathlib import Path

import pytest

from ovlab.errors import OvlabError
from ovlab.files import sha256_of
from ovlab.specs import ConvertSettings, DownloadSpec
from ovlab_flow import Grid, load_grid

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
REAL = ROOT / "tests" / "real" / "conf"
EXPERIMENTS = [("", path.stem) for path in sorted((CONF / "experiment").glob("*.yaml"))] + [
    (str(REAL), path.stem) for path in sorted((REAL / "experiment").glob("*.yaml"))
]


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


# Composing takes a tenth of a second for every model in a precision, device and scenario: a part of the quickstart is
# enough to be mistaken in, and what ships is composed once for all tests.
ONE_MODEL = "experiment.models=[digits_cnn]"
ONE_SESSION = (ONE_MODEL, "experiment.devices=[cpu]", "experiment.scenarios=[offline]")
SMALL = (*ONE_SESSION, "experiment.precisions=[fp32,int8]")


def grid(experiment: str = "quickstart", extra_conf: str | Path = "", *overrides: str) -> Grid:
    return load_grid(experiment, conf=CONF, extra_conf=str(extra_conf), overrides=overrides)


@functools.cache
def shipped(experiment: str, extra_conf: str = "", *overrides: str) -> Grid:
    """What :func:`grid` gives, composed once. For tests that change neither the files nor the grid."""
    return grid(experiment, extra_conf, *overrides)


# A precision whose variants others make: test_imported.py composes it.
PER_MODEL = "int8_imported"


def files_of(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml") if path.stem != PER_MODEL)


def every_file() -> dict[str, Grid]:
    """Experiments that use every shipped file of each group, but what needs a model's own files."""
    chosen = [f"experiment.{group}s=[{','.join(files_of(group))}]" for group in ("precision", "device", "scenario")]
    models = f"experiment.models=[{','.join(files_of('model'))}]"
    by_model = shipped("quickstart", "", *ONE_SESSION, models, "experiment.precisions=[fp32]")
    crossed = shipped("quickstart", "", ONE_MODEL, *chosen)
    return {"model": by_model, "dataset": by_model, "precision": crossed, "device": crossed, "scenario": crossed}


@pytest.mark.parametrize(("extra_conf", "experiment"), EXPERIMENTS)
def test_every_experiment_composes(extra_conf: str, experiment: str) -> None:
    loaded = shipped(experiment, extra_conf)
    cells = loaded.report.experiment.cells()
    assert len(cells) == len(set(cells)) > 0
    assert {(cell.model, cell.device, cell.scenario, cell.host) for cell in cells} == set(loaded.sessions)
    assert {(cell.model, cell.precision) for cell in cells} <= {
        (variant.model, variant.precision) for variant in loaded.variants.values()
    }


@pytest.mark.parametrize("group", ["model", "dataset", "precision", "device", "scenario"])
def test_every_file_is_used_by_an_experiment_that_composes(group: str) -> None:
    loaded = every_file()[group]
    assert sorted(getattr(loaded.report, f"{group}s")) == files_of(group) != []
    assert loaded.sessions


def test_embedded_files_are_the_declared_ones() -> None:
    for model in every_file()["model"].report.models.values():
        for file in model.files:
            if file.embedded:
                embedded = ROOT / "resources" / file.embedded
                assert sha256_of(embedded) == file.sha256
                assert embedded.stat().st_size == file.size


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["experiment.models=[digits_cn]"], "unknown model 'digits_cn'; did you mean 'digits_cnn'?"),
        (["experiment.devices=[cpuu]"], "unknown device 'cpuu'; did you mean 'cpu'?"),
        (
            ["model.dataset=digit"],
            "conf/model/digits_cnn.yaml: dataset: unknown dataset 'digit'; did you mean 'digits'?",
        ),
        (["+model.preproces=1"], "override '+model.preproces=1': preproces: unknown key; did you mean 'preprocess'?"),
        (["model.output.classes=ten"], "output.classes: input should be a valid integer"),
        (
            ["measurement.launches=0"],
            "override 'measurement.launches=0': measurement.launches: input should be greater than 0 (got 0)",
        ),
        (["scenario.batch=0"], "override 'scenario.batch=0': batch: input should be greater than 0 (got 0)"),
        (["seed=-1"], "override 'seed=-1': seed: input should be greater than or equal to 0 (got -1)"),
        (["results="], "override 'results=': results: string should have at least 1 character"),
        (
            ["experiment.exclude=[{device: gpuu}]"],
            "conf/experiment/quickstart.yaml: experiment.exclude: unknown device 'gpuu'; did you mean 'gpu'?",
        ),
        (["scenario.mode=parallel"], "mode: 'parallel' is not valid"),
        (["precision.quantization.subset=200%"], "'200%' is no number of images, no limit"),
        (
            ["experiment.goals=[{where: {scenario: onlin}, at_most: {latency_ms_p50: 5}}]"],
            "quickstart.yaml: experiment.goals.0.where: unknown scenario 'onlin'; did you mean 'offline'?",
        ),
        (
            ["experiment.goals=[{at_most: {latency_ms_p5: 5}}]"],
            "experiment.goals.0.at_most.latency_ms_p5: 'latency_ms_p5' is not valid; did you mean 'latency_ms_p95'?",
        ),
        (
            ["experiment.claims.int8_pays.right.cell.precision=fp3"],
            "quickstart.yaml: experiment.claims.int8_pays.right.cell: unknown precision 'fp3'; did you mean 'fp32'?",
        ),
        (["experiment.claims.int8_pays.left.where.device=gpuu"], "int8_pays.left.where: unknown device 'gpuu'"),
        (["experiment.claims.int8_pays.relation=more"], "'more' is not valid; valid: at_least, at_most, equals"),
        (["experiment.exclude=[{model: '*'}]"], "experiment.exclude leaves no cell"),
        (["experiment.precisions=[fp32,fp32]"], "names something twice"),
        (["dataset.splits.calibration.images=validation"], "calibration and validation overlap"),
        (["~dataset.splits.calibration"], "splits.calibration: missing, but needed by precision int8"),
        (["download.size_limit=3"], "download.size_limit: unknown key; did you mean 'size_limit_gb'?"),
        (["download.unpack.depth=0"], "download.unpack.depth: input should be greater than 0 (got 0)"),
        (["measurement.launces=3"], "measurement.launces: unknown key; did you mean 'launches'?"),
        (["sead=3"], "sead: unknown key; did you mean 'seed'?"),
        (["precision.quantization.subse=3"], "quantization.subse: unknown key; did you mean 'subset'?"),
        (["precision.quantisation.subset=3"], "nothing that this experiment selects has such a section"),
        (["model=digits_cnn"], "choose with experiment.models=[...]"),
        (["reference=int8"], "reference: int8 is itself made from the reference, expected one such as fp32"),
        (["seed=["], "overrides: cannot read 'seed=[', expected KEY=VALUE in Hydra's grammar ("),
    ],
)
def test_a_mistake_is_one_clear_line(overrides: list[str], message: str) -> None:
    with pytest.raises(OvlabError) as caught:
        grid("quickstart", "", *SMALL, *overrides)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_experiment_and_folder() -> None:
    with pytest.raises(OvlabError, match=r"unknown experiment 'quickstat'; did you mean 'quickstart'\?"):
        grid("quickstat")
    with pytest.raises(OvlabError, match=r"extra_conf: no folder 'nowhere'"):
        grid("quickstart", "nowhere")


def test_broken_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "broken.yaml").write_text("files: [\n")
    with pytest.raises(OvlabError, match=r"broken\.yaml") as caught:
        grid("quickstart", tmp_path, "experiment.models=[broken]")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("group", ["device", "scenario", "experiment"])
def test_a_file_without_keys_is_named(tmp_path: Path, group: str) -> None:
    write_conf(tmp_path, group, "mine", "- CPU\n")
    chosen = ("mine", ()) if group == "experiment" else ("quickstart", (*SMALL, f"experiment.{group}s=[mine]"))
    with pytest.raises(OvlabError) as caught:
        grid(chosen[0], tmp_path, *chosen[1])
    assert str(caught.value) == f"{tmp_path}/{group}/mine.yaml: expected keys and values (KEY: VALUE)"


def test_extra_conf_comes_first_and_is_named_in_errors(tmp_path: Path) -> None:
    (tmp_path / "scenario").mkdir()
    (tmp_path / "scenario" / "offline.yaml").write_text("mode: asynchronous\ninfer_requests: 7\n")
    chosen = (*SMALL, "experiment.scenarios=[offline,multi_stream]")
    loaded = grid("quickstart", tmp_path, *chosen)
    assert loaded.report.scenarios["offline"].infer_requests == 7
    assert loaded.report.scenarios["multi_stream"].infer_requests == 4
    (tmp_path / "scenario" / "offline.yaml").write_text("mode: asynchronous\ninfer_requets: 7\n")
    with pytest.raises(OvlabError) as caught:
        grid("quickstart", tmp_path, *chosen)
    assert (
        str(caught.value)
        == f"{tmp_path}/scenario/offline.yaml: infer_requets: unknown key; did you mean 'infer_requests'?"
    )


@pytest.mark.parametrize("folder", ["conf of mine", "Größe é", "设置", "a+b%20c", "plain"])
def test_a_folder_of_any_name_counts(tmp_path: Path, folder: str, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / folder / "precision").mkdir(parents=True)
    shutil.copy(CONF / "precision/int8.yaml", tmp_path / folder / "precision/int8.yaml")
    with (tmp_path / folder / "precision/int8.yaml").open("a", encoding="utf-8") as file:
        file.write("calibration_seeds: 7\n")
    loaded = grid("quickstart", tmp_path / folder, *ONE_SESSION, "experiment.precisions=[fp32,int8]")
    assert loaded.report.precisions["int8"].calibration_seeds == 7
    assert caplog.text == ""


def test_a_folder_that_gives_nothing_is_said_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "device").mkdir()
    (tmp_path / "device/other.yaml").write_text("device: CPU\n")
    grid("quickstart", tmp_path, *ONE_SESSION)
    assert caplog.messages == [
        f"extra_conf: experiment quickstart uses nothing of {tmp_path} (it has device/other.yaml)"
    ]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("x.txt", "no YAML file of a group in it, expected such as model/NAME.yaml"),
        ("models/x.yaml", "no YAML file of a group in it, expected such as model/NAME.yaml"),
        ("conf/model/x.yaml", "no YAML file of a group in it; did you mean '{folder}/conf'?"),
        ("model/x.yml", "; files of the configuration end in .yaml"),
    ],
)
def test_a_folder_that_cannot_give_anything_is_refused(tmp_path: Path, file: str, expected: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("")
    with pytest.raises(OvlabError) as caught:
        grid("quickstart", tmp_path, *ONE_SESSION)
    assert str(caught.value).startswith(f"extra_conf: {tmp_path}: ")
    assert expected.format(folder=tmp_path) in str(caught.value)


def test_a_named_exception_changes_one_model_in_one_precision(tmp_path: Path) -> None:
    chosen = (*ONE_SESSION, "experiment.precisions=[fp32,fp16,int8]")
    (tmp_path / "model_precision").mkdir()
    (tmp_path / "model_precision" / "digits_cnn-int8.yaml").write_text(
        "# @package _global_\nprecision:\n  quantization:\n    subset: 7\n"
    )
    plain, changed = (grid("quickstart", where, *chosen) for where in ("", tmp_path))
    assert next(v for v in changed.variants.values() if v.precision == "int8").settings.quantization.subset == 7
    for precision, same in [("fp32", True), ("fp16", True), ("int8", False)]:
        digests = [next(v.digest for v in g.variants.values() if v.precision == precision) for g in (plain, changed)]
        assert (digests[0] == digests[1]) is same


def test_digests_follow_settings_and_nothing_else() -> None:
    def digests(*overrides: str) -> dict[str, str]:
        chosen = (*ONE_SESSION, "experiment.precisions=[fp32,fp16,int8]")
        variants = grid("quickstart", "", *chosen, *overrides).variants.values()
        return {variant.precision: variant.digest for variant in variants}

    plain = digests()
    assert digests("model.description=another") == plain
    assert digests("measurement.launches=2", "experiment.devices=[cpu,auto]") == plain
    assert digests("download.window_s=9") == plain
    seeded = digests("seed=3")
    assert seeded["int8"] != plain["int8"]
    assert (seeded["fp32"], seeded["fp16"]) == (plain["fp32"], plain["fp16"])
    assert all(digests("model.preprocess.mean=[100]")[precision] != plain[precision] for precision in plain)


def test_what_ships_bounds_downloads_as_the_specs_do() -> None:
    assert grid("quickstart", "", ONE_MODEL).download == DownloadSpec()
    assert grid("quickstart", "", ONE_MODEL, "download.unpack.depth=9").download.unpack.depth == 9


def test_exclusions_leave_out_what_matches_all_their_names() -> None:
    cells = grid(
        "quickstart", "", "experiment.exclude=[{device: gpu, precision: int8}, {scenario: 'multi_*'}]"
    ).report.experiment.cells()
    assert not [cell for cell in cells if cell.scenario == "multi_stream"]
    assert {cell.precision for cell in cells if cell.device == "gpu"} == {"fp32", "default", "fp16"}
    assert {cell.precision for cell in cells if cell.device == "cpu"} == {"fp32", "default", "fp16", "int8"}


def test_int8_alone_still_has_its_fp32_base() -> None:
    loaded = grid("quickstart", "", *ONE_SESSION, "experiment.precisions=[int8]")
    int8 = next(variant for variant in loaded.variants.values() if variant.precision == "int8")
    assert int8.base is not None and isinstance(int8.base.settings, ConvertSettings)
    assert [variant.precision for variant in loaded.reported_variants()] == ["int8"]
    assert next(iter(loaded.sessions.values())).variants == (int8,)


def write_conf(folder: Path, group: str, name: str, text: str) -> None:
    (folder / group).mkdir(exist_ok=True)
    (folder / group / f"{name}.yaml").write_text(text)


def test_repeated_calibrations_are_variants_of_their_own(tmp_path: Path) -> None:
    int8 = (CONF / "precision" / "int8.yaml").read_text()
    write_conf(tmp_path, "precision", "int8", f"{int8}calibration_seeds: 3\n")
    chosen = (*SMALL, "seed=5")
    plain, repeated = grid("quickstart", "", *chosen), grid("quickstart", tmp_path, *chosen)

    def seeds(loaded: Grid) -> list[int]:
        return [one.settings.seed for one in loaded.reported_variants() if one.precision == "int8"]

    assert (seeds(plain), seeds(repeated)) == ([5], [5, 6, 7])
    accuracies = [one for one in repeated.reported_accuracies() if one.variant.precision == "int8"]
    assert [one.settings.calibration_seed for one in accuracies] == [5, 6, 7]
    assert len({one.digest for one in accuracies}) == 3
    # What is measured is the first, and nothing of it is made or measured anew because of the others.
    assert set(plain.variants) < set(repeated.variants) and set(plain.accuracies) < set(repeated.accuracies)
    session = next(iter(repeated.sessions.values()))
    assert [one.settings.seed for one in session.variants if one.precision == "int8"] == [5]
    assert session.settings == next(iter(plain.sessions.values())).settings


def test_a_control_split_concerns_accuracy_control_alone(tmp_path: Path) -> None:
    digits = (CONF / "dataset" / "digits.yaml").read_text()
    changed = digits.replace(
        "calibration: {images: calibration}", "calibration: {images: calibration, portion: [0, 0.5]}"
    )
    assert changed != digits
    split = "  control: {images: calibration, portion: [0.5, 1]}\n"
    chosen = (*ONE_SESSION, "experiment.precisions=[fp32,int8,int8_accuracy,int8_weights]")

    def digests(text: str) -> dict[str, str]:
        write_conf(tmp_path, "dataset", "digits", text)
        loaded.append(grid("quickstart", tmp_path, *chosen))
        return {one.variant.precision: one.digest for one in loaded[-1].accuracies.values()}

    loaded: list[Grid] = []
    without, declared = digests(changed), digests(changed + split)
    assert {name for name in without if without[name] != declared[name]} == {"int8_accuracy"}
    controlled = next(v for v in loaded[-1].variants.values() if v.precision == "int8_accuracy")
    assert set(controlled.settings.dataset.splits) == {"calibration", "control", "validation"}
    assert controlled.settings.model is not None


@pytest.mark.parametrize(
    ("precision", "old", "new", "message"),
    [
        (
            "int8",
            "  calibration: {images: calibration}\n",
            "",
            "splits.calibration: missing, but needed by precision int8",
        ),
        ("int8_accuracy", "  calibration: {images: calibration}\n", "", "splits.calibration: missing, but needed by"),
        (
            "int8_accuracy",
            "calibration}\n",
            "calibration}\n  control: {images: calibration}\n",
            "splits: calibration and control overlap; give them other images or other portions",
        ),
    ],
)
def test_a_data_set_that_a_precision_cannot_calibrate_on(
    tmp_path: Path, precision: str, old: str, new: str, message: str
) -> None:
    text = (CONF / "dataset" / "digits.yaml").read_text()
    assert old in text
    write_conf(tmp_path, "dataset", "digits", text.replace(old, new))
    with pytest.raises(OvlabError) as caught:
        grid("quickstart", tmp_path, *ONE_SESSION, f"experiment.precisions=[{precision}]")
    assert str(caught.value).startswith(f"{tmp_path}/dataset/digits.yaml: {message}")


def test_accuracy_control_of_boxes_needs_labels(tmp_path: Path) -> None:
    text = (CONF / "dataset" / "coco2017.yaml").read_text()
    old = "calibration: {images: val2017, annotations: annotations/instances_val2017.json, portion: [0, 0.1]}"
    assert old in text
    write_conf(tmp_path, "dataset", "coco2017", text.replace(old, "calibration: {images: val2017, format: images}"))
    with pytest.raises(OvlabError) as caught:
        grid("fastestdet_coco", tmp_path, "experiment.precisions=[int8_accuracy]")
    assert str(caught.value) == (
        f"{tmp_path}/dataset/coco2017.yaml: splits.calibration: format images has no labels, but accuracy_control "
        "needs some; declare splits.control with labels (precision int8_accuracy)"
    )


def test_weights_alone_need_no_calibration_split(tmp_path: Path) -> None:
    text = (CONF / "dataset" / "digits.yaml").read_text()
    write_conf(tmp_path, "dataset", "digits", text.replace("  calibration: {images: calibration}\n", ""))
    chosen = (*ONE_SESSION, "experiment.precisions=[int8_weights]", "seed=9")
    loaded = grid("quickstart", tmp_path, *chosen)
    made = next(one for one in loaded.variants.values() if one.precision == "int8_weights")
    assert made.settings.seed == 0  # no image is drawn, so another seed makes nothing anew


@pytest.mark.parametrize("package", ["src/ovlab", "scripts"])
def test_data_flow_one_way(package: str) -> None:
    forbidden = {"snakemake", "hydra", "omegaconf", "ovlab_flow"}
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & forbidden, path
            if package == "src/ovlab":
                assert "argparse" not in names, path
