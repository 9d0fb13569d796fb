"""A user's own layer type, the documented example, from the model's YAML to an IR that needs no extension."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from caffe_net import caffemodel
from toy import Lab, convert_settings, model_spec, source_record

from ovlab.caffe.layer import forget_own_types
from ovlab.convert import convert
from ovlab.errors import OvlabError
from ovlab.extension import extension_of, holds_operations, load_extension
from ovlab.files import sha256_of
from ovlab.records import Record
from ovlab.runtime import read_ir
from ovlab.specs import ModelSpec
from ovlab_flow.extension import extension_file

DOCS = Path(__file__).resolve().parents[3] / "docs" / "caffe.md"

NET = """input: "data" input_dim: 1 input_dim: 3 input_dim: 1 input_dim: 1
layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
layer { name: "zoom" type: "Zoom" bottom: "pool" top: "zoom"
  zoom_param { times: 3 what_else: NEAREST names: "a" names: 'b' sizes: [1.5, 2] inner < x: true > } }
"""


def documented() -> str:
    """Return the documentation's example of a layer type."""
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if '@layer_type("Zoom")' in block]
    return str(example)


@pytest.fixture(autouse=True)
def no_own_types_are_left() -> Iterator[None]:
    """Other tests know only the types that come with ovlab."""
    yield
    forget_own_types()


@pytest.fixture
def converted(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Record]:
    """Convert NET, as a model's YAML with the documented extension would have it, into ``tmp_path / "ir"``."""
    # It gives an image and no scores, which would be refused when the IR is made.
    monkeypatch.setattr("ovlab.convert.try_one_image", lambda *_: None)

    def run(net: str = NET, code: str | None = None, **changes: Any) -> Record:
        models = tmp_path / "models"
        models.mkdir(exist_ok=True)
        (models / "net.prototxt").write_text(net)
        (models / "net.caffemodel").write_bytes(caffemodel({"none": []}))
        own = tmp_path / "zoom.py"
        own.write_text(documented() if code is None else code)
        changes = {"input": {"shape": [1, 3, 8, 6]}, "extension": str(own), "preprocess": {}} | changes
        spec = model_spec(models / "net.prototxt", framework="caffe", **changes)
        settings = convert_settings(spec, lab.dataset, extension=extension_file(str(own)))
        return convert(settings, source_record(models), lab.source, tmp_path / "ir")

    return run


def test_the_documented_layer_type(converted: Callable[..., Record], tmp_path: Path) -> None:
    record = converted()
    assert record.inputs["extension"] == sha256_of(tmp_path / "zoom.py")
    assert extension_of(tmp_path / "ir") is None, "made of ordinary operations, the IR needs no extension"
    model = read_ir(tmp_path / "ir" / "model.xml")
    assert [output.any_name for output in model.outputs] == ["zoom"]
    x = np.random.default_rng(1).integers(0, 256, (1, 8, 6, 3), np.uint8)
    y = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(x)["zoom"]
    pooled = x[0, ..., ::-1].astype(np.float32).reshape(4, 2, 3, 2, 3).mean((1, 3)).transpose(2, 0, 1)
    np.testing.assert_allclose(y[0], pooled.repeat(3, 1).repeat(3, 2), rtol=1e-6)


def test_its_settings_are_plain_values(converted: Callable[..., Record], tmp_path: Path) -> None:
    code = documented().replace(
        "    if times < 1",
        f"    import pathlib; pathlib.Path({str(tmp_path / 'seen')!r})"
        ".write_text(repr(dict(layer.settings)))\n    if times < 1",
    )
    converted(code=code)
    assert eval((tmp_path / "seen").read_text()) == {  # noqa: S307 (our own repr)
        "name": "zoom",
        "type": "Zoom",
        "bottom": "pool",
        "top": "zoom",
        "zoom_param": {
            "times": 3,
            "what_else": "NEAREST",
            "names": ["a", "b"],
            "sizes": [1.5, 2],
            "inner": {"x": True},
        },
    }


@pytest.mark.parametrize(
    ("net", "code", "problem"),
    [
        (NET.replace("times: 3", "times: 0"), None, "layer 'zoom' of type 'Zoom': times is 0; expected 1 or more"),
        (
            NET,
            'from ovlab.caffe import layer_type\n@layer_type("Zoom")\ndef zoom(layer, x):\n    return x.nothing\n',
            "layer 'zoom' of type 'Zoom': its builder failed: 'openvino._pyopenvino.Output' object has no",
        ),
        (NET, "from ovlab.caffe import layer_type\n", "zoom.py has no 'extensions', expected a list of operations"),
        (
            NET,
            'from ovlab.caffe import layer_type\n@layer_type("ReLU")\ndef zoom(layer, x):\n    return x\n',
            "zoom.py cannot be loaded (ValueError: layer type 'ReLU' is registered twice)",
        ),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    converted: Callable[..., Record], net: str, code: str | None, problem: str
) -> None:
    with pytest.raises(OvlabError, match=re.escape(problem)) as caught:
        converted(net=net, code=code)
    assert "\n" not in str(caught.value)


def test_a_file_may_have_both(tmp_path: Path) -> None:
    path = tmp_path / "both.py"
    path.write_text(
        documented()
        + "\nfrom openvino import Op\n\n\nclass Nothing(Op):\n    def __init__(self, inputs=None):\n"
        + "        super().__init__(self, inputs)\n\n\nextensions = [Nothing]\n"
    )
    core = ov.Core()
    assert load_extension(core, str(path), sha256_of(path)) == []
    assert holds_operations(core, str(path), sha256_of(path))


def test_the_caffe_section_reaches_the_reader(converted: Callable[..., Record], tmp_path: Path) -> None:
    net = """input: "data" input_shape { dim: [1, 3, 40, 60] }
    layer { name: "p" type: "Pooling" bottom: "data" top: "f" pooling_param { kernel_size: 20 stride: 20 } }
    layer { name: "b" type: "PriorBox" bottom: "f" bottom: "data" top: "b" prior_box_param { min_size: 8.5 } }"""
    widths = {}
    for name, section in (
        ("none", None),
        ("whole", {"prior_sizes": "whole"}),
        ("fractional", {"prior_sizes": "fractional", "prior_densities": {8.5: 2}}),
    ):
        converted(net=net, caffe=section, input={})
        model = ov.Core().compile_model(read_ir(tmp_path / "ir" / "model.xml"), "CPU")
        boxes = model(np.zeros((1, 40, 60, 3), np.uint8))["b"][0, 0].reshape(-1, 4)
        widths[name] = (len(boxes), round(float(boxes[0, 2] - boxes[0, 0]) * 60, 3))
    assert widths == {"none": (6, 8.0), "whole": (6, 8.0), "fractional": (24, 8.5)}


def test_the_caffe_section_is_for_caffe(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="caffe: only for framework caffe, not for onnx"):
        model_spec(tmp_path / "net.onnx", caffe={})
    spec = model_spec(tmp_path / "net.prototxt", framework="caffe", caffe={"prior_densities": {32: 4, 64: 2}})
    assert ModelSpec.model_validate(spec.plain()) == spec, "survives the way through JSON"
    with pytest.raises(ValueError, match="prior_densities"):
        model_spec(tmp_path / "net.prototxt", framework="caffe", caffe={"prior_densities": {32: 0}})
