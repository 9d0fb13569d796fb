"""Quantisation of the colour classifier."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from toy import CLASSES, COLOURS, Lab, source_record, write_class_folders

from ovlab.calibrate import calibrate, choose_subset
from ovlab.data import Split, SplitImage
from ovlab.errors import OvlabError
from ovlab.records import Record
from ovlab.runtime import core, read_ir
from ovlab.specs import CalibrateSettings


@dataclass
class Bench:
    lab: Lab
    root: Path

    def run(self, name: str, seed: int = 0, data: Path | None = None, dataset: Any = None, **options: Any) -> Record:
        compression = options.pop("weight_compression", None)
        settings = CalibrateSettings.model_validate(
            {
                "model_name": "toy",
                "precision_name": "int8",
                "dataset_name": "colours",
                "dataset": self.lab.dataset.plain() | (dataset or {}),
                "resize": {},
                "quantization": {"subset": 8} | options if compression is None else None,
                "weight_compression": compression,
                "seed": seed,
            }
        )
        source = source_record(data or self.lab.data)
        return calibrate(settings, self.lab.record, self.lab.folder, source, self.root / name)

    def model(self, name: str) -> ov.Model:
        return read_ir(self.root / name / "model.xml")


@pytest.fixture
def bench(lab: Lab, tmp_path: Path) -> Bench:
    return Bench(lab, tmp_path)


def fake_quantizers(model: ov.Model) -> list[str]:
    return [op.get_friendly_name() for op in model.get_ordered_ops() if op.get_type_name() == "FakeQuantize"]


def test_a_base_that_was_changed_is_refused(lab: Lab, tmp_path: Path) -> None:
    folder = shutil.copytree(lab.folder, tmp_path / "copy")
    (folder / "model.bin").write_bytes(bytes((folder / "model.bin").stat().st_size))
    changed = Lab(lab.onnx, lab.model, lab.dataset, lab.data, folder, lab.record)
    with pytest.raises(OvlabError, match=r"model\.bin: was changed after it was made"):
        Bench(changed, tmp_path).run("a")
    assert not (tmp_path / "a").exists()


def test_the_int8_variant(bench: Bench) -> None:
    record = bench.run("a")
    model = bench.model("a")
    assert fake_quantizers(model)
    assert str(model.inputs[0].get_partial_shape()) == "[?,16,16,3]"  # as dynamic as it was
    compiled = core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    pixels = [np.full((1, 16, 16, 3), COLOURS[name], np.uint8) for name in CLASSES]
    assert [int(compiled(one)[0].argmax()) for one in pixels] == [0, 1, 2, 3]
    assert record.kind == "variant"
    assert record.value("calibration_images") == 8
    assert record.inputs == bench.lab.record.data["sha256"]
    ids = record.data["calibration_images"]
    assert len(set(ids)) == 8
    assert all((bench.lab.data / one).is_file() and one.startswith("train/") for one in ids)


def test_same_seed_same_images_and_bytes_other_seed_other_images(bench: Bench) -> None:
    first, again, other = bench.run("a"), bench.run("b"), bench.run("c", seed=1)
    assert first.data["calibration_images"] == again.data["calibration_images"]
    assert first.data["sha256"]["model.bin"] == again.data["sha256"]["model.bin"]
    assert sorted(other.data["calibration_images"]) != sorted(first.data["calibration_images"])
    assert other.data["sha256"]["model.bin"] != first.data["sha256"]["model.bin"]


def test_options_reach_nncf(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    import nncf

    seen: dict[str, Any] = {}
    scope_of = {"names": ["a"], "patterns": ["b.*"], "types": ["MatMul"], "must_match": False}

    def spy(model: ov.Model, data: nncf.Dataset, **options: Any) -> ov.Model:
        seen.update(options)
        return model

    monkeypatch.setattr(nncf, "quantize", spy)
    bench.run(
        "a",
        subset="25%",
        preset="mixed",
        target_device="CPU",
        fast_bias_correction=False,
        model_type="transformer",
        ignored_scope=scope_of,
    )
    assert seen["preset"] == nncf.QuantizationPreset.MIXED
    assert seen["target_device"] == nncf.TargetDevice.CPU
    assert seen["subset_size"] == 4  # a quarter of 16
    assert seen["fast_bias_correction"] is False
    assert seen["model_type"] == nncf.ModelType.TRANSFORMER
    scope = seen["ignored_scope"]
    assert (scope.names, scope.patterns, scope.types) == (["a"], ["b.*"], ["MatMul"])
    assert scope.validate is False
    bench.run("b")
    assert seen["preset"] is None
    assert seen["model_type"] is None


def test_an_ignored_type_stays_in_floating_point(bench: Bench) -> None:
    bench.run("all", subset=2)
    bench.run("some", subset=2, ignored_scope={"types": ["Convolution"]})
    assert len(fake_quantizers(bench.model("some"))) < len(fake_quantizers(bench.model("all")))


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ({"names": ["relo"]}, "names: the model has no operation 'relo'; did you mean 'relu'?"),
        ({"patterns": ["no.*thing"]}, "patterns: 'no.*thing' matches none of the model's "),
        ({"types": ["Convolutions"]}, "types: the model has no operation of type 'Convolutions'; did you mean 'Conv"),
    ],
)
def test_an_ignored_scope_that_matches_nothing(bench: Bench, scope: dict[str, Any], message: str) -> None:
    with pytest.raises(OvlabError) as caught:
        bench.run("a", subset=2, ignored_scope=scope)
    assert str(caught.value).startswith(f"quantization.ignored_scope.{message}")
    assert "\n" not in str(caught.value)
    assert not (bench.root / "a").exists()
    bench.run("b", subset=2, ignored_scope=scope | {"must_match": False})


def test_a_leak_between_the_splits_names_both_files(bench: Bench) -> None:
    data = write_class_folders(bench.root / "data")
    shutil.copy(data / "val" / "grey" / "5.png", data / "train" / "grey" / "copy.png")
    with pytest.raises(OvlabError) as caught:
        bench.run("a", data=data)
    assert str(caught.value) == (
        "dataset colours: calibration and validation share 1 image(s), such as "
        "'train/grey/copy.png' and 'val/grey/5.png'"
    )


def test_a_subset_larger_than_the_split(bench: Bench) -> None:
    with pytest.raises(OvlabError, match=r"^quantization\.subset: 17 images, but the calibration split has 16$"):
        bench.run("a", subset=17)


@pytest.mark.parametrize("limit", ["at most 300", "at most 16", "at most 3"])
def test_a_limit_is_no_demand(bench: Bench, limit: str) -> None:
    record = bench.run("a", subset=limit)
    expected = min(16, int(limit.rsplit(maxsplit=1)[-1]))
    assert record.value("calibration_images") == len(record.data["calibration_images"]) == expected


def test_a_data_set_without_calibration_split(bench: Bench) -> None:
    with pytest.raises(OvlabError, match=r"^colours: splits\.calibration: missing, but needed"):
        bench.run("a", dataset={"splits": {"validation": {"images": "val"}}})


def test_a_corrupt_calibration_image(bench: Bench) -> None:
    data = write_class_folders(bench.root / "data")
    (data / "train" / "red" / "0.png").write_bytes(b"damaged")
    with pytest.raises(OvlabError, match=r"red/0\.png: cannot be decoded"):
        bench.run("a", data=data, subset="100%")
    record = bench.run("a", data=data, subset="100%", dataset={"on_corrupt": "skip"})
    assert len(record.data["calibration_images"]) == 15
    assert "train/red/0.png" not in record.data["calibration_images"]


def test_failed_steps_are_passed_on(bench: Bench) -> None:
    failed = Record(kind="variant", settings={}, status="failed", reason="does not convert")
    bench.lab = Lab(**(vars(bench.lab) | {"record": failed}))
    with pytest.raises(OvlabError, match=r"^FP32 variant: does not convert$"):
        bench.run("a")


def split_of(count: int) -> Split:
    return Split("calibration", tuple(SplitImage(str(i), Path(str(i))) for i in range(count)), ())


@pytest.mark.parametrize(
    ("subset", "available", "expected"),
    [
        (3, 10, 3),
        (10, 10, 10),
        ("25%", 10, 2),
        ("100%", 10, 10),
        ("0.1%", 10, 1),
        ("33.3%", 300, 100),
        ("at most 300", 128, 128),
        ("at most 300", 301, 300),
        ("at most 1", 5, 1),
    ],
)
def test_size_of_the_subset(subset: int | str, available: int, expected: int) -> None:
    chosen = choose_subset(split_of(available), subset, 0)
    assert len({image.id for image in chosen}) == expected


def test_a_smaller_subset_is_the_beginning_of_a_larger_one() -> None:
    assert choose_subset(split_of(50), 10, 3) == choose_subset(split_of(50), 20, 3)[:10]
    assert choose_subset(split_of(50), 10, 3) != choose_subset(split_of(50), 10, 4)


@pytest.mark.parametrize(
    ("options", "stored"),
    [({}, "u8"), ({"mode": "int8_sym"}, "i8"), ({"mode": "int4_sym", "group_size": -1, "all_layers": True}, "i4")],
)
def test_weights_only(bench: Bench, options: dict[str, Any], stored: str) -> None:
    record = bench.run("a", weight_compression=options)
    assert stored in record.data["weight_types"]
    assert record.data["calibration_images"] == []
    assert not fake_quantizers(bench.model("a"))
    compiled = core().compile_model(bench.model("a"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    pixels = [np.full((1, 16, 16, 3), COLOURS[name], np.uint8) for name in CLASSES]
    assert [int(compiled(one)[0].argmax()) for one in pixels] == [0, 1, 2, 3]
    assert (bench.root / "a" / "model.bin").stat().st_size < 0.5 * (bench.lab.folder / "model.bin").stat().st_size


def test_four_bits_that_no_weight_has(bench: Bench) -> None:
    with pytest.raises(OvlabError, match=r"^weight_compression\.mode: int4_sym left no weight .*it has u8"):
        bench.run("a", weight_compression={"mode": "int4_sym", "group_size": -1})


def test_a_group_size_that_does_not_fit(bench: Bench) -> None:
    compression = {"mode": "int4_sym", "group_size": 24, "all_layers": True}
    with pytest.raises(OvlabError, match=r"^weight_compression: .*24") as caught:
        bench.run("a", weight_compression=compression)
    assert "\n" not in str(caught.value)


def test_weights_in_four_bits_with_a_look_at_images(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    import nncf

    seen: dict[str, Any] = {}
    real = nncf.compress_weights

    def spy(model: ov.Model, **options: Any) -> ov.Model:
        seen.update(options)
        return real(model, mode=options["mode"], group_size=-1, all_layers=True)

    monkeypatch.setattr(nncf, "compress_weights", spy)
    compression = {"mode": "int4_sym", "group_size": 32, "scale_estimation": True, "subset": 4}
    record = bench.run("a", weight_compression=compression)
    assert record.value("calibration_images") == 4
    assert (seen["subset_size"], seen["scale_estimation"], seen["group_size"]) == (4, True, 32)
    assert next(iter(seen["dataset"].get_inference_data([0]))).shape == (1, 16, 16, 3)
    with pytest.raises(OvlabError, match=r"^weight_compression\.subset: 17 images, but the calibration split has 16$"):
        bench.run("b", weight_compression=compression | {"subset": 17})
