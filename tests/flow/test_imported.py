"""Variants that others made: what is planned of them, and every mistake in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from workflow_runs import ROOT, copy_workflow, jobs, snakemake

from ovlab.errors import OvlabError
from ovlab.specs import CalibrateSettings, ConvertSettings
from ovlab_flow import Grid, load_grid

ONE_SESSION = (
    "experiment.models=[digits_cnn]",
    "experiment.devices=[cpu]",
    "experiment.scenarios=[offline]",
)
SHA = "ab" * 32
SOURCE: dict[str, Any] = {
    "framework": "ir",
    "files": [{"url": f"https://example.org/int8.{end}", "sha256": SHA} for end in ("xml", "bin")],
    "licence": "Apache-2.0",
    "homepage": "https://example.org",
}


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def write(folder: Path, group: str, name: str, data: Any, header: str = "") -> None:
    (folder / group).mkdir(exist_ok=True)
    (folder / group / f"{name}.yaml").write_text(header + yaml.safe_dump(data), encoding="utf-8")


def exception(folder: Path, name: str, **precision: Any) -> None:
    write(folder, "model_precision", name, {"precision": precision}, "# @package _global_\n")


def grid(folder: Path, *overrides: str, precisions: str = "fp32,int8_imported") -> Grid:
    chosen = (*ONE_SESSION, f"experiment.precisions=[{precisions}]", *overrides)
    return load_grid("quickstart", extra_conf=str(folder), overrides=chosen)


def complaint(folder: Path, *overrides: str, precisions: str = "fp32,int8_imported") -> str:
    with pytest.raises(OvlabError) as caught:
        grid(folder, *overrides, precisions=precisions)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def settings_of(loaded: Grid, precision: str) -> ConvertSettings | CalibrateSettings:
    return next(one.settings for one in loaded.variants.values() if one.precision == precision)


def test_a_source_has_what_the_models_yaml_says(tmp_path: Path) -> None:
    changes = {"preprocess": {"mean": [128]}, "input": {"layout": "NHWC"}}
    exception(tmp_path, "digits_cnn-int8_imported", source=SOURCE | changes)
    loaded = grid(tmp_path)
    own, imported = (settings_of(loaded, name) for name in ("fp32", "int8_imported"))
    assert isinstance(own, ConvertSettings) and isinstance(imported, ConvertSettings)
    assert imported.imported and not own.imported
    model, source = own.model, imported.model
    assert (source.framework, [file.file_name for file in source.files]) == ("ir", ["int8.xml", "int8.bin"])
    assert (source.task, source.dataset, source.output) == (model.task, model.dataset, model.output)
    assert source.preprocess == model.preprocess.model_copy(update={"mean": (128.0,)})
    assert source.input == model.input.model_copy(update={"layout": "NHWC"})


def test_a_section_of_the_task_is_the_models_but_for_what_differs(tmp_path: Path) -> None:
    source = SOURCE | {"detection": {"score_threshold": 0.25}}
    exception(tmp_path, "digits_ssd-int8_imported", source=source)
    loaded = grid(tmp_path, "experiment.models=[digits_ssd]")
    own, imported = (settings_of(loaded, name).model for name in ("fp32", "int8_imported"))
    assert own is not None and imported is not None and type(imported) is type(own)
    first, second = own.plain()["detection"], imported.plain()["detection"]
    assert second == first | {"score_threshold": 0.25} != first


def test_what_belongs_to_the_models_files_is_not_handed_on(tmp_path: Path) -> None:
    exception(tmp_path, "digits_cnn-int8_imported", source=SOURCE)
    overrides = ("model.tolerance=0.5", "model.entry=digits_cnn.onnx", "model.homepage=https://example.org/model")
    source = settings_of(grid(tmp_path, *overrides), "int8_imported").model
    assert source is not None
    assert (source.tolerance, source.entry) == (1e-3, None)
    del (without := dict(SOURCE))["licence"]
    exception(tmp_path, "digits_cnn-int8_imported", source=without)
    assert "digits_cnn-int8_imported.yaml: source.licence: missing, but needed" in complaint(tmp_path)


def test_it_is_converted_validated_measured_and_reported_beside_the_others(tmp_path: Path) -> None:
    exception(tmp_path, "digits_cnn-int8_imported", source=SOURCE)
    loaded = grid(tmp_path, precisions="fp32,int8,int8_imported")
    variant = next(one for one in loaded.variants.values() if one.precision == "int8_imported")
    assert variant.base is None
    assert [file.file_name for file in variant.model_source.spec.files] == ["int8.xml", "int8.bin"]
    accuracy = next(one for one in loaded.accuracies.values() if one.variant is variant)
    assert accuracy.reference is not None and accuracy.reference.variant.precision == "fp32"
    (session,) = loaded.sessions.values()
    assert list(session.settings.precisions) == ["fp32", "int8", "int8_imported"]
    assert session.settings.precisions["int8_imported"].source is not None
    (reported,) = loaded.report.imported
    assert (reported.model, reported.precision, reported.source.licence) == (
        "digits_cnn",
        "int8_imported",
        "Apache-2.0",
    )
    assert all(one.source is None for one in loaded.report.precisions.values())
    assert {source.name for source in loaded.sources.values() if source.group == "models"} == {"digits_cnn"}
    assert sum(source.group == "models" for source in loaded.sources.values()) == 2


def test_settings_without_an_imported_variant_are_written_as_they_ever_were(tmp_path: Path) -> None:
    exception(tmp_path, "digits_cnn-int8_imported", source=SOURCE)
    plain, beside = grid(tmp_path, precisions="fp32,int8"), grid(tmp_path, precisions="fp32,int8,int8_imported")
    assert set(plain.variants) < set(beside.variants) and set(plain.accuracies) < set(beside.accuracies)
    texts = [one.to_json() for one in plain.all_settings()]
    assert not [text for text in texts if {"source", "imported"} & keys_of(json.loads(text))]


def keys_of(data: Any) -> set[str]:
    if isinstance(data, dict):
        return set(data).union(*(keys_of(one) for one in data.values()))
    return set().union(*(keys_of(one) for one in data)) if isinstance(data, list) else set()


def test_words_make_nothing_anew_and_files_do(tmp_path: Path) -> None:
    def digest(**changes: Any) -> str:
        exception(tmp_path, "digits_cnn-int8_imported", source=SOURCE | changes)
        loaded = grid(tmp_path)
        return next(one.digest for one in loaded.accuracies.values() if one.variant.precision == "int8_imported")

    plain = digest()
    assert digest(licence="MIT", homepage="https://example.org/b", description="another") == plain
    files = [file | {"sha256": "cd" * 32} for file in SOURCE["files"]]
    assert len({plain, digest(files=files), digest(preprocess={"mean": [3]}), digest(tolerance=0.1)}) == 4


def test_a_precision_of_one_model_may_have_the_source_itself(tmp_path: Path) -> None:
    write(tmp_path, "precision", "vendor", {"inference_precision": "f32", "source": SOURCE})
    loaded = grid(tmp_path, precisions="fp32,vendor")
    assert isinstance(settings := settings_of(loaded, "vendor"), ConvertSettings)
    assert settings.model.framework == "ir"
    text = complaint(tmp_path, "experiment.models=[digits_cnn,digits_ssd]", precisions="fp32,vendor")
    assert text.startswith("precision vendor: source.files: the same for two models, digits_c")
    assert "say `source: per_model` there" in text


def test_an_imported_variant_may_be_the_reference(tmp_path: Path) -> None:
    # As for a model that there is in INT8 only.
    exception(tmp_path, "digits_cnn-int8_imported", source=SOURCE)
    loaded = grid(tmp_path, "reference=int8_imported", precisions="int8_imported")
    assert [one.precision for one in loaded.variants.values()] == ["int8_imported"]
    assert [one.reference for one in loaded.accuracies.values()] == [None]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("per_model", "model digits_cnn has no files for precision int8_imported, whose variants others make: give "),
        (3, "source: 3, expected keys as in a model's YAML, or per_model where each model has its own"),
        (SOURCE | {"task": "detection"}, "source.task: not for a source, since it is the model's"),
        (SOURCE | {"dataset": "voc2007"}, "source.dataset: not for a source, since it is the model's"),
        (SOURCE | {"framwork": "ir"}, "source.framwork: unknown key; did you mean 'framework'?"),
        (SOURCE | {"detection": {"decoder": "ssd"}}, "source.detection: not for task classification"),
        (SOURCE | {"files": [{"url": "https://example.org/a.xml"}]}, "sha256: missing, but needed for every file"),
        (SOURCE | {"files": []}, "files: empty, expected the model's file"),
        (SOURCE | {"preprocess": {"scale": [0]}}, "scale: division by 0"),
        (SOURCE | {"extension": "nowhere.py"}, "source: extension: no file 'nowhere.py'"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_file(tmp_path: Path, source: Any, message: str) -> None:
    exception(tmp_path, "digits_cnn-int8_imported", source=source)
    text = complaint(tmp_path)
    assert message in text
    if not message.startswith(("model", "source: extension")):
        assert text.startswith(f"{tmp_path}/model_precision/digits_cnn-int8_imported.yaml: ")


def test_a_model_without_files_for_it_is_told_where_they_go(tmp_path: Path) -> None:
    exception(tmp_path, "digit_cnn-int8_imported", source=SOURCE)
    assert complaint(tmp_path) == (
        "model digits_cnn has no files for precision int8_imported, whose variants others make: give them as "
        "`precision.source` in model_precision/digits_cnn-int8_imported.yaml, or exclude "
        "{model: digits_cnn, precision: int8_imported}; did you mean 'digit_cnn-int8_imported' to be it?"
    )
    excluded = "experiment.exclude=[{precision: int8_imported}]"
    assert {one.precision for one in grid(tmp_path, excluded).variants.values()} == {"fp32"}


def test_a_precision_that_only_exceptions_name_needs_a_file(tmp_path: Path) -> None:
    exception(tmp_path, "digits_cnn-vendor", source=SOURCE)
    where = tmp_path / "model_precision" / "digits_cnn-vendor.yaml"
    assert complaint(tmp_path, precisions="fp32,vendor").endswith(
        f"unknown precision 'vendor'; {where} changes one of that name, which needs a file in conf/precision"
    )


@pytest.mark.parametrize("precision", ["int8", "int8_weights"])
def test_what_others_made_is_not_quantised_once_more(tmp_path: Path, precision: str) -> None:
    exception(tmp_path, f"digits_cnn-{precision}", source=SOURCE)
    text = complaint(tmp_path, precisions=f"fp32,{precision}")
    key = {"int8": "quantization", "int8_weights": "weight_compression"}[precision]
    assert text == (
        f"{tmp_path}/model_precision/digits_cnn-{precision}.yaml: source: a variant that others made is measured as it "
        f"is, so that it cannot be combined with {key}"
    )


def test_other_files_under_a_floating_point_name_are_refused(tmp_path: Path) -> None:
    data = {"model": {key: SOURCE[key] for key in ("framework", "files")}}
    write(tmp_path, "model_precision", "digits_cnn-fp16", data, "# @package _global_\n")
    assert complaint(tmp_path, precisions="fp32,fp16") == (
        "model_precision/digits_cnn-fp16.yaml: model.files: other files than the model's are a variant that others "
        "made; give them as `precision.source`"
    )


def test_an_exception_that_is_wrong_is_named_rather_than_the_precision(tmp_path: Path) -> None:
    exception(tmp_path, "digits_cnn-int8", quantization={"subse": 3})
    text = complaint(tmp_path, precisions="fp32,int8")
    assert text == (
        f"{tmp_path}/model_precision/digits_cnn-int8.yaml: quantization.subse: unknown key; did you mean 'subset'?"
    )


def test_a_dry_run_lists_its_jobs(tmp_path: Path) -> None:
    folder, conf = tmp_path / "workflow", tmp_path / "conf"
    folder.mkdir()
    conf.mkdir()
    copy_workflow(folder)
    exception(conf, "digits_cnn-int8_imported", source=SOURCE)
    overrides = (*ONE_SESSION, "experiment.precisions=[fp32,int8,int8_imported]")
    done = snakemake(folder, "-n", overrides=overrides, extra_conf=str(conf))
    assert done.returncode == 0, done.stdout
    listed = jobs(done.stdout)
    assert listed["download digits_cnn"] == 2
    assert listed["convert digits_cnn to int8_imported"] == listed["validate digits_cnn in int8_imported"] == 1
    assert [name for name in listed if name.startswith("calibrate")] == ["calibrate digits_cnn for int8"]
    assert listed["benchmark digits_cnn on cpu, offline"] == 1
