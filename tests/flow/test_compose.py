"""Every configuration composes, and every mistake is answered in one line."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ovlab.errors import OvlabError
from ovlab.files import sha256_of
from ovlab.specs import ConvertSettings
from ovlab_flow import load_grid

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
REAL = ROOT / "tests" / "real" / "conf"
EXPERIMENTS = [("", path.stem) for path in sorted((CONF / "experiment").glob("*.yaml"))] + [
    (str(REAL), path.stem) for path in sorted((REAL / "experiment").glob("*.yaml"))
]


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


# The quickstart with one of its models: composing takes a tenth of a second a variant.
ONE_MODEL = "experiment.models=[digits_cnn]"


def grid(experiment: str = "quickstart", extra_conf: str | Path = "", *overrides: str):
    return load_grid(experiment, conf=CONF, extra_conf=str(extra_conf), overrides=overrides)


@pytest.mark.parametrize(("extra_conf", "experiment"), EXPERIMENTS)
def test_every_experiment_composes(extra_conf: str, experiment: str) -> None:
    loaded = grid(experiment, extra_conf)
    cells = loaded.report.experiment.cells()
    assert len(cells) == len(set(cells)) > 0
    assert {(cell.model, cell.device, cell.scenario) for cell in cells} == set(loaded.sessions)
    assert {(cell.model, cell.precision) for cell in cells} <= {
        (variant.model, variant.precision) for variant in loaded.variants.values()
    }


@pytest.mark.parametrize("group", ["model", "dataset", "precision", "device", "scenario"])
def test_every_file_is_used_by_an_experiment_that_composes(group: str) -> None:
    names = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
    assert names
    for name in names:
        if group == "dataset":
            models = {
                m: path
                for path in (CONF / "model").glob("*.yaml")
                if f"dataset: {name}" in path.read_text()
                for m in [path.stem]
            }
            assert models, f"no model uses data set {name}"
            continue
        fewer = () if group == "model" else (ONE_MODEL,)
        assert grid("quickstart", "", *fewer, f"experiment.{group}s=[{name}]").sessions


def test_embedded_files_are_the_declared_ones() -> None:
    for path in sorted((CONF / "model").glob("*.yaml")):
        one = (f"experiment.models=[{path.stem}]", "experiment.precisions=[fp32]")
        model = grid("quickstart", "", *one).report.models[path.stem]
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
        (["+model.preproces=1"], "conf/model/digits_cnn.yaml: preproces: unknown key; did you mean 'preprocess'?"),
        (["model.output.classes=ten"], "output.classes: input should be a valid integer"),
        (["measurement.launches=0"], "measurement.launches: input should be greater than 0 (got 0)"),
        (["scenario.mode=parallel"], "mode: 'parallel' is not valid"),
        (["precision.quantization.subset=200%"], "'200%' is neither a number of images nor a percentage"),
        (["experiment.exclude=[{model: '*'}]"], "experiment.exclude leaves no cell"),
        (["experiment.precisions=[fp32,fp32]"], "names something twice"),
        (["dataset.splits.calibration.images=validation"], "calibration and validation overlap"),
        (["~dataset.splits.calibration"], "splits.calibration: missing, but needed by precision int8"),
        (["measurement.launces=3"], "measurement.launces: unknown key; did you mean 'launches'?"),
        (["sead=3"], "sead: unknown key; did you mean 'seed'?"),
        (["precision.quantization.subse=3"], "quantization.subse: unknown key; did you mean 'subset'?"),
        (["precision.quantisation.subset=3"], "nothing that this experiment selects has such a section"),
        (["model=digits_cnn"], "choose with experiment.models=[...]"),
        (["seed=["], "overrides:"),
    ],
)
def test_a_mistake_is_one_clear_line(overrides: list[str], message: str) -> None:
    with pytest.raises(OvlabError) as caught:
        grid("quickstart", "", *overrides)
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


def test_extra_conf_comes_first_and_is_named_in_errors(tmp_path: Path) -> None:
    (tmp_path / "scenario").mkdir()
    (tmp_path / "scenario" / "offline.yaml").write_text("mode: asynchronous\ninfer_requests: 7\n")
    loaded = grid("quickstart", tmp_path)
    assert loaded.report.scenarios["offline"].infer_requests == 7
    assert loaded.report.scenarios["multi_stream"].infer_requests == 4
    (tmp_path / "scenario" / "offline.yaml").write_text("mode: asynchronous\ninfer_requets: 7\n")
    with pytest.raises(OvlabError) as caught:
        grid("quickstart", tmp_path)
    assert (
        str(caught.value)
        == f"{tmp_path}/scenario/offline.yaml: infer_requets: unknown key; did you mean 'infer_requests'?"
    )


def test_a_named_exception_changes_one_model_in_one_precision(tmp_path: Path) -> None:
    (tmp_path / "model_precision").mkdir()
    (tmp_path / "model_precision" / "digits_cnn-int8.yaml").write_text(
        "# @package _global_\nprecision:\n  quantization:\n    subset: 7\n"
    )
    plain, changed = (grid("quickstart", where, ONE_MODEL) for where in ("", tmp_path))
    assert next(v for v in changed.variants.values() if v.precision == "int8").settings.quantization.subset == 7
    for precision, same in [("fp32", True), ("fp16", True), ("int8", False)]:
        digests = [next(v.digest for v in g.variants.values() if v.precision == precision) for g in (plain, changed)]
        assert (digests[0] == digests[1]) is same


def test_digests_follow_settings_and_nothing_else() -> None:
    def digests(*overrides: str) -> dict[str, str]:
        variants = grid("quickstart", "", ONE_MODEL, *overrides).variants.values()
        return {variant.precision: variant.digest for variant in variants}

    plain = digests()
    assert digests("model.description=another") == plain
    assert digests("measurement.launches=2", "experiment.devices=[cpu]") == plain
    seeded = digests("seed=3")
    assert seeded["int8"] != plain["int8"]
    assert (seeded["fp32"], seeded["fp16"]) == (plain["fp32"], plain["fp16"])
    assert all(digests("model.preprocess.mean=[100]")[precision] != plain[precision] for precision in plain)


def test_exclusions_leave_out_what_matches_all_their_names() -> None:
    cells = grid(
        "quickstart", "", "experiment.exclude=[{device: gpu, precision: int8}, {scenario: 'multi_*'}]"
    ).report.experiment.cells()
    assert not [cell for cell in cells if cell.scenario == "multi_stream"]
    assert {cell.precision for cell in cells if cell.device == "gpu"} == {"fp32", "fp16"}
    assert {cell.precision for cell in cells if cell.device == "cpu"} == {"fp32", "fp16", "int8"}


def test_int8_alone_still_has_its_fp32_base() -> None:
    loaded = grid("quickstart", "", ONE_MODEL, "experiment.precisions=[int8]")
    int8 = next(variant for variant in loaded.variants.values() if variant.precision == "int8")
    assert int8.base is not None and isinstance(int8.base.settings, ConvertSettings)
    assert [variant.precision for variant in loaded.reported_variants()] == ["int8"]
    assert next(iter(loaded.sessions.values())).variants == (int8,)


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
