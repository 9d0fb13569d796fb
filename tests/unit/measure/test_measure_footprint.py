"""The memory that a model takes, estimated from its graph."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from toy import Lab

from ovlab.errors import OvlabError
from ovlab.measure.host import footprint as module
from ovlab.measure.host.footprint import Footprint, footprint, require_memory
from ovlab.runtime import read_ir, set_batch


def chain(*widths: int, compressed: bool = False) -> ov.Model:
    """Matrix products from width to width, in FP32; weights stored in FP16 where compressed."""
    x = ops.parameter([1, widths[0]], np.float32)
    last: ov.Node = x
    for before, after in pairwise(widths):
        weights = ops.constant(np.ones((before, after), np.float16 if compressed else np.float32))
        last = ops.matmul(last, ops.convert(weights, "f32") if compressed else weights, False, False)
    return ov.Model([last], [x])


def test_weights_and_the_largest_pair_of_neighbours() -> None:
    # Two neighbours are alive at once: 100 + 50, 50 + 200, 200 + 10 numbers.
    assert footprint(chain(100, 50, 200, 10)) == Footprint(4 * (100 * 50 + 50 * 200 + 200 * 10), 4 * 250)


def test_weights_count_as_they_are_stored() -> None:
    assert footprint(chain(100, 50, compressed=True)) == Footprint(2 * 100 * 50, 4 * 150)


def test_an_operation_may_write_over_its_input() -> None:
    x = ops.parameter([1, 100], np.float32)
    model = ov.Model([ops.relu(ops.relu(ops.relu(x)))], [x])
    assert footprint(model) == Footprint(0, 4 * 100)


def test_what_is_read_again_stays() -> None:
    x = ops.parameter([1, 100], np.float32)
    model = ov.Model([ops.add(ops.relu(ops.relu(x)), x)], [x])
    assert footprint(model) == Footprint(0, 4 * 200)


def test_dynamic_shapes_count_nothing() -> None:
    x = ops.parameter([-1, 100], np.float32)
    assert footprint(ov.Model([ops.relu(x)], [x])) == Footprint(0, 0)


def test_activations_grow_with_the_batch_and_weights_do_not(lab: Lab) -> None:
    found = {}
    for batch in (1, 8):
        model = read_ir(lab.folder / "model.xml")
        set_batch(model, batch)
        found[batch] = footprint(model)
    assert found[8].weights == found[1].weights > 4 * 32 * 27
    assert found[8].activations == 8 * found[1].activations
    # The convolution's output of 32 channels, and its input of 3.
    assert found[1].activations == 4 * 16 * 16 * (32 + 3)


def test_a_batch_that_does_not_fit(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available_memory", lambda: 2_000_000_000)
    require_memory(read_ir(lab.folder / "model.xml"), 1, 8)
    with pytest.raises(OvlabError) as caught:
        require_memory(read_ir(lab.folder / "model.xml"), 100_000, 8)
    assert str(caught.value) == (
        "batch: 100000 takes an estimated 4.2 GB of memory (weights 0.00408 MB, activations 3.58 GB, "
        "8 inputs 614 MB), but 2 GB is available"
    )


def test_a_batch_that_the_model_cannot_take() -> None:
    x = ops.parameter([2, 100], np.float32)
    model = ov.Model([ops.reshape(x, ops.constant(np.array([2, 100])), False)], [x])
    require_memory(model, 2, 1)
    with pytest.raises(OvlabError, match=r"^batch: the model cannot take 3 \(.+\)$"):
        require_memory(model, 3, 1)
