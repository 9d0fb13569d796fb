"""Quantised files: refused as a model's own, imported as a variant, compared although they round."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import nncf
import numpy as np
import onnx
import openvino as ov
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic
from toy import CLASSES, COLOURS, Lab, convert_settings, model_spec, quantised_onnx, source_record

from ovlab.calibrate import calibrate
from ovlab.convert import convert
from ovlab.convert.quantisation import quantisation_of
from ovlab.convert.rounding import RoundingNoise, accepted, ir_without_rounding, onnx_without_rounding
from ovlab.errors import OvlabError
from ovlab.records import Record
from ovlab.runtime import core, read_ir
from ovlab.specs import CalibrateSettings

F32 = {"INFERENCE_PRECISION_HINT": "f32"}
# One 3x3 convolution and a mean over the image, NHWC, written with the `tflite` schema (TFLite 3): inputs, weights and
# outputs in 8 bits; and the same with weights alone in 8 bits.
TFLITE = {
    "int8": (
        b"7ytkOR7OlQ000gE6aWwa3;+lK000C44gdfE5C8xGAOHXWBme*a0{{R31ONa4`~v_0d;<UgR09A2JOcm#0RR91Q~&?~0ssI2FaQ7m"
        b"5C8xG3;+-S4*&oF1ONyC3;+NC0{{R3C;$Ke0000e3;+%Q4FCWD1ONyC3;+NC0{{R30{{R300RyH7yuLi5C9AS2mk~C4gdfE6aWAK"
        b"8~^|SBme*aC;$KeEC2ui1ONa4ZDDC{000000ssI2fB*mhKmY&$0RR911poj50RR91000001^@s6JOTg!*Z}|ld;tIeBmn>b_y7O^"
        b"oB#j-000gE7yuLi5C9AS3jhQF4gdfEXaE2J0000R3;+NC5C8xG0RR910RR911poj50ssI20{{R31ONa4000gE6aWAK5C9AS3jhQF"
        b"4gdfEJOBUy000012mk;83;+NC0RR910{{R30{{R3000000RR910ssI21ONsA1ONa4000UA3;+NC1ONyC3IG5A0RR910RR91g8u*i"
        b"5C8xGH~;_u00009Bme*abpHSU2mk;85C8xG0RR9100000000000RR91!N5Q~0ssI20RR911ONa41^@s6b7OCEWpe-k3;+}W5C9JV"
        b"2mk~C3;+NC7ytkO0{{R3000021ONa40RR910ssI21ONa4VR&V8000000{{R25C8xGKmY&$00009Bme*a^#1?<2mk;85C8xG0RR91"
        b"00000000000RR91!N5Q~1ONa40RR915C8xG5C8xG1ONa41ONa4V{dMD00000w*UYC6aWAKJOBUy0ssI200002C;$KeO#lD?2mk;8"
        b"6aWAK0RR910000000000000000RR91hI=G90RR911ONa40RR91VgL>R7yuLi695bV2mk~C4gdfE6aWAKL;wH)0RR9100009Bme*a"
        b"r2qf_2mk;85C8xG0RR9100000000000RR913fCh%1ONa41ONa40{{R30{{R30{{R30RR91cK{9m6aWwa4*&oF2mk~C4gdfE8~^|S"
        b"OaK4?00009FaQ7m3;+xO000002mk~C3;+NC2mk;85C8xG0RR91fdBvh|NsC00RR91fq;NJ1ONa40RR915C8xG5C8xG0{{R31poj5"
        b"X>DO=WdHyG&j0`a1ONa42mk;80RR910ssI2;{X5u1ONa45C8xG0000000000>=OV000000000I62mk~C1^@s61ONa4YybcN00000"
        b"0000000000&dy{200000000000000000000000000002aWX=Ep00000000000000000000000000000000000000000000000000"
        b"00000000000A$Y20000000000000001ONm81ONa4"
    ),
    "weights": (
        b"8~^|SR7OlQ00000000gE6aWwa3;+lK000C44gdfE5C8xGAOHXWBme*a0{{R31ONa4XafKM=mG!$zybgOr~&{00RR91Q~&?~0ssI2"
        b"FaQ7m5C8xG3;+-S4*&oF1ONyC3;+NC0{{R3C;$Ke0000e3;+%Q4FCWD1ONyC3;+NC0{{R30{{R300RyH7yuLi5C9AS2mk~C4gdfE"
        b"6aWAK8~^|SBme*aC;$KeEC2ui1ONa4ZDDC{000000ssI2fB*mhKmY&$0RR911poj50RR91000001^@s6+yMXpXaN8KH~|0v`~Uy|"
        b"&;S4coB#j-000gE7yuLi5C9AS3jhQF4gdfEXaE2J0000R3;+NC5C8xG0RR910RR911poj50ssI20{{R31ONa4000gE6aWAK5C9AS"
        b"3jhQF4gdfEJOBUy000012mk;83;+NC0RR910{{R30{{R3000000RR910ssI21ONsA1ONa4000UA3;+NC1ONyC3IG5A0RR910RR91"
        b";Qs&r6aWAK1ONa40ssI20RR911ONa41^@s6b7OCEWpe-k3;+}W5C9JV2mk~C3;+NC7ytkO0{{R3000021ONa40RR910ssI21ONa4"
        b"VR&V800000IRF3u8~^|S1ONa41ONa40RR915C8xG5C8xG1ONa41ONa4V{dMD000003;+-S3;+NC2mk~C3;+NC6aWAK0ssI21ONa4"
        b"0RR911ONa40RR91VgL>R7yuLi695bV2mk~C4gdfEAOHXWQ~&?~0RR9100009Gynhq3;+xO000002mk~C3;+NC2mk;86aWAK0RR91"
        b"0000000000000000RR913fCh%1ONa41ONa40{{R30{{R30{{R30RR91cK`qY3;+xO2mk;8000C43;+NC8~^|S1ONa41ONa40RR91"
        b"5C8xG5C8xG0{{R31poj5X>DO=WdHyG&j0`a1ONa42mk;80RR910ssI2;{X5u1ONa45C8xG0000000000&CE<b00000000I62mk~C"
        b"1^@s61ONa4YybcN000000000000000&dy{200000000000000000000000000002aWX=Ep000000000000000000000000000000"
        b"0000000000000000000000000000000A$Y20000000000000001ONm81ONa4"
    ),
}


def imported(lab: Lab, path: Path, weights: str = "f32", **changes: Any) -> Record:
    """Convert a file as a variant that others made."""
    settings = convert_settings(model_spec(path, **changes), lab.dataset, weights)
    settings = settings.model_copy(update={"imported": True, "precision_name": "qdq"})
    source = source_record(path.parent)
    source.data["files"] = [{"name": path.name, "sha256": "0" * 64, "origin": path.as_posix()}]
    return convert(settings, source, lab.source, path.parent / "ir")


def complaint(lab: Lab, path: Path, **changes: Any) -> str:
    with pytest.raises(OvlabError) as caught:
        imported(lab, path, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def classes_of(folder: Path) -> list[int]:
    compiled = core().compile_model(read_ir(folder / "model.xml"), "CPU", F32)
    pixels = [np.full((16, 16, 3), COLOURS[name], np.uint8) for name in CLASSES]
    return [int(compiled(one[None])[0].argmax()) for one in pixels]


@pytest.fixture(scope="module")
def qdq(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy, quantised by ONNX Runtime. Read-only."""
    return quantised_onnx(lab.onnx, tmp_path_factory.mktemp("qdq") / "qdq.onnx")


@pytest.fixture
def own_qdq(qdq: Path, tmp_path: Path) -> Path:
    """A copy of it to convert."""
    (tmp_path / "qdq.onnx").write_bytes(qdq.read_bytes())
    return tmp_path / "qdq.onnx"


def quantised_files(lab: Lab, folder: Path) -> dict[str, tuple[str, Path]]:
    """The toy in every quantised form: framework and file by name."""
    floating = ov.convert_model(lab.onnx)
    floating.reshape([1, 3, 16, 16])
    images = np.random.default_rng(0).uniform(0, 1, (4, 1, 3, 16, 16)).astype(np.float32)
    ov.save_model(nncf.quantize(floating, nncf.Dataset(list(images))), folder / "nncf.xml", compress_to_fp16=False)
    ov.save_model(nncf.compress_weights(ov.convert_model(lab.onnx)), folder / "weights.xml")
    quantize_dynamic(lab.onnx, folder / "dynamic.onnx", op_types_to_quantize=["Conv"])
    for name, content in TFLITE.items():
        (folder / f"{name}.tflite").write_bytes(base64.b85decode(content))
    return {
        "QDQ": ("onnx", quantised_onnx(lab.onnx, folder / "qdq.onnx")),
        "dynamic": ("onnx", folder / "dynamic.onnx"),
        "NNCF": ("ir", folder / "nncf.xml"),
        "weights only": ("ir", folder / "weights.xml"),
        "TFLite": ("tflite", folder / "int8.tflite"),
        "TFLite, weights only": ("tflite", folder / "weights.tflite"),
    }


def test_a_quantised_file_is_no_floating_point_model(lab: Lab, tmp_path: Path) -> None:
    for form, (framework, path) in quantised_files(lab, tmp_path).items():
        settings = convert_settings(model_spec(path, framework=framework), lab.dataset)
        with pytest.raises(OvlabError) as caught:
            convert(settings, source_record(tmp_path), lab.source, tmp_path / "ir")
        text = str(caught.value)
        assert text.startswith("model toy: its file is quantised already ("), form
        assert "so that fp32 cannot be made of it; declare it as the `source` of a precision of its own" in text
        assert "\n" not in text
        assert not (tmp_path / "ir").exists()


def test_what_is_quantised_is_counted(lab: Lab, qdq: Path) -> None:
    found = quantisation_of(ov.convert_model(qdq))
    assert (found.layers, found.weights) == (2, 2)
    assert found.quantisers >= 3
    assert str(found) == f"{found.quantisers} FakeQuantize operations, quantised weights in 2 of 2 layers"
    assert not quantisation_of(ov.convert_model(lab.onnx)).found
    assert not quantisation_of(read_ir(lab.folder / "model.xml")).found


def test_fp16_and_tables_of_small_integers_are_not_taken_for_quantisation() -> None:
    new = ov.opset13
    image = new.parameter([1, 3, 4, 4], ov.Type.f32, name="image")
    half = new.convert(new.constant(np.ones((2, 3, 1, 1), np.float16)), "f32")
    mask = new.convert(new.constant(np.ones((1, 2, 4, 4), np.uint8)), "f32")
    layer = new.convolution(image, half, [1, 1], [0, 0], [0, 0], [1, 1])
    model = ov.Model([new.multiply(layer, mask)], [image], "half")
    assert not quantisation_of(model).found


def test_the_record_of_an_imported_variant(lab: Lab, own_qdq: Path) -> None:
    record = imported(lab, own_qdq)
    found = record.data["imported"]
    assert found["framework"] == "onnx"
    assert found["files"] == [{"name": "qdq.onnx", "sha256": "0" * 64, "origin": own_qdq.as_posix()}]
    assert found["quantisation"] == quantisation_of(read_ir(own_qdq.parent / "ir" / "model.xml")).plain()
    assert next(iter(found["weight_types"])) == "i8"
    assert record.settings["imported"] is True
    assert classes_of(own_qdq.parent / "ir") == [0, 1, 2, 3]
    assert "imported" not in lab.record.data
    assert "imported" not in lab.record.settings


def test_without_rounding_it_is_the_same_to_the_tolerance_and_with_it_to_what_rounding_does(
    lab: Lab, own_qdq: Path
) -> None:
    record = imported(lab, own_qdq)
    assert (record.value("parity_relative") or 0) < 1e-5
    assert record.value("parity_images") == 12  # all that there are
    rounding, difference = record.value("rounding_noise") or 0, record.value("rounded_difference")
    assert 0 < rounding < 0.02
    assert difference is not None
    assert difference <= accepted(1e-3, rounding)


@pytest.mark.parametrize(
    ("activation", "weight"),
    [(QuantType.QUInt8, QuantType.QInt8), (QuantType.QInt8, QuantType.QInt8), (QuantType.QUInt8, QuantType.QUInt8)],
)
@pytest.mark.parametrize("per_channel", [True, False])
def test_every_form_of_static_quantisation_is_imported(
    lab: Lab, tmp_path: Path, activation: QuantType, weight: QuantType, per_channel: bool
) -> None:
    path = quantised_onnx(
        lab.onnx, tmp_path / "m.onnx", activation_type=activation, weight_type=weight, per_channel=per_channel
    )
    record = imported(lab, path)
    assert (record.value("parity_relative") or 0) < 1e-5
    assert record.value("rounding_noise")
    assert classes_of(tmp_path / "ir") == [0, 1, 2, 3]


def _changed(model: onnx.ModelProto, operator: str, position: int, value: float) -> onnx.ModelProto:
    """Change a scale (input 1) of the quantisers of activations, in one of each pair."""
    constants = {one.name: one for one in model.graph.initializer}
    node = next(one for one in model.graph.node if one.op_type == operator and one.input[0] not in constants)
    name = f"{node.input[position]}/changed"
    number = numpy_helper.to_array(constants[node.input[position]]) * np.float32(value)
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(number, np.float32), name))
    for one in model.graph.node:
        if one.input[0] == node.input[0] or one.input[0] == node.output[0]:
            one.input[position] = name
    return model


@pytest.mark.parametrize("factor", [0.9, 0.5])
def test_a_wrong_scale_is_found(lab: Lab, own_qdq: Path, monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    # The original that ONNX Runtime opens has another scale than the one that was converted.
    other = own_qdq.with_name("other.onnx")
    onnx.save(_changed(onnx.load(own_qdq), "QuantizeLinear", 1, factor), other)
    real = convert.__globals__["entry_path"]
    monkeypatch.setattr("ovlab.convert.entry_path", lambda *args: other if real(*args) == own_qdq else real(*args))
    text = complaint(lab, own_qdq)
    assert text.startswith("model toy: the IR's outputs differ from ONNX Runtime's, both without their rounding, by ")
    assert text.endswith(" of their range, more than its tolerance 0.001")


def test_an_execution_that_is_wrong_is_found_though_the_conversion_is_right(
    lab: Lab, own_qdq: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_cut(model: ov.Model) -> bool:
        done = ir_without_rounding(model)
        wrong.append(model)
        return done

    wrong: list[ov.Model] = []
    from ovlab.convert import parity, rounding

    monkeypatch.setattr(rounding, "ir_without_rounding", only_cut)
    real = parity.both_answers

    def answers(session: Any, ir: ov.Model, *others: Any) -> Any:
        for one in real(session, ir, *others):
            # As it runs, each output has twice its value.
            yield one if ir in wrong else {name: (2 * found, expected) for name, (found, expected) in one.items()}

    monkeypatch.setattr(parity, "both_answers", answers)
    text = complaint(lab, own_qdq)
    assert text.startswith("model toy: as it runs here, its outputs differ from ONNX Runtime's by ")
    assert "more than rounding explains: it changes them by" in text


def test_integer_operators_are_held_to_the_tolerance(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "dynamic.onnx"
    quantize_dynamic(lab.onnx, path, op_types_to_quantize=["Conv"])
    assert onnx_without_rounding(path) is None
    record = imported(lab, path, tolerance=0.5)
    assert record.value("rounding_noise") is None
    text = complaint(lab, path, tolerance=1e-9)
    assert "more than its tolerance 1e-09; this quantised graph has operators" in text


@pytest.mark.parametrize("form", ["none", "per channel", "another scale behind", "operators", "dynamic besides"])
def test_what_cannot_be_had_without_rounding_is_known(lab: Lab, qdq: Path, tmp_path: Path, form: str) -> None:
    path = tmp_path / "m.onnx"
    if form == "none":
        path = lab.onnx
    elif form == "operators":
        quantised_onnx(lab.onnx, path, quant_format=QuantFormat.QOperator)
    elif form == "dynamic besides":
        model = onnx.load(qdq)
        model.graph.node.append(onnx.helper.make_node("DynamicQuantizeLinear", ["image"], ["integers", "step", "zero"]))
        onnx.save(model, path)
    else:
        model = onnx.load(qdq)
        constants = {one.name for one in model.graph.initializer}
        pair = [one for one in model.graph.node if one.input[0] not in constants and "Linear" in one.op_type][:2]
        scale = np.ones(3 if form == "per channel" else (), np.float32)
        model.graph.initializer.append(numpy_helper.from_array(scale, "changed"))
        for node in pair if form == "per channel" else pair[1:]:
            node.input[1] = "changed"
        onnx.save(model, path)
    assert onnx_without_rounding(path) is None


def test_the_rounding_alone_is_left_out(qdq: Path) -> None:
    content = onnx_without_rounding(qdq)
    assert content is not None
    kinds = [node.op_type for node in onnx.load_from_string(content).graph.node]
    assert "QuantizeLinear" not in kinds
    assert kinds.count("DequantizeLinear") > 0  # those of the weights
    model = ov.convert_model(qdq)
    assert ir_without_rounding(model)
    assert "FakeQuantize" not in {op.get_type_name() for op in model.get_ordered_ops()}


def test_rounding_noise_is_that_of_the_worst_output() -> None:
    noise = RoundingNoise()
    expected = np.array([[4.0, 0.0]])
    noise.add("fine", expected + 0.1, expected, expected + 0.1)
    noise.add("wrong", expected + 0.4, expected, expected)
    noise.add("ragged", np.zeros((3, 2)), np.zeros((2, 2)), np.zeros((2, 2)))
    assert noise.worst(1e-3) == ("wrong", pytest.approx(0.1), 0.0)
    assert accepted(1e-3, 0.01) == pytest.approx(0.021)
    assert RoundingNoise().worst(1e-3) == ("", 0.0, 0.0)


def test_an_ir_that_nncf_made_elsewhere_stays_as_it_is(lab: Lab, tmp_path: Path) -> None:
    framework, path = quantised_files(lab, tmp_path)["NNCF"]
    record = imported(lab, path, framework=framework)
    assert record.value("parity_relative") is None  # nothing to compare with
    original = quantisation_of(core().read_model(path))
    assert record.data["imported"]["quantisation"] == original.plain()
    assert classes_of(tmp_path / "ir") == [0, 1, 2, 3]


def test_int8_tflite_takes_the_pixels_that_its_input_takes(lab: Lab, tmp_path: Path) -> None:
    _, path = quantised_files(lab, tmp_path)["TFLite"]
    changes = {"framework": "tflite", "input": {"layout": "NHWC"}, "preprocess": {"mean": [128]}}
    record = imported(lab, path, **changes)
    assert record.data["imported"]["quantisation"]["quantisers"] > 0
    assert classes_of(tmp_path / "ir") == [0, 1, 2, 3]


@pytest.mark.parametrize("section", ["quantization", "weight_compression"])
def test_a_quantised_variant_is_not_calibrated(lab: Lab, own_qdq: Path, section: str) -> None:
    base = imported(lab, own_qdq)
    options = {section: {"subset": 4} if section == "quantization" else {}}
    settings = CalibrateSettings.model_validate(
        {
            "model_name": "toy",
            "precision_name": "int8",
            "dataset_name": "colours",
            "dataset": lab.dataset.plain(),
            "resize": {},
            "seed": 0,
        }
        | options
    )
    folder = own_qdq.parent
    with pytest.raises(OvlabError) as caught:
        calibrate(settings, base, folder / "ir", lab.source, folder / "int8")
    text = str(caught.value)
    assert text.startswith(f"{section}: the variant that int8 is made from is quantised already (")
    assert text.endswith("; NNCF quantises floating-point models")
    assert not (folder / "int8").exists()
