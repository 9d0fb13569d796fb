"""A detector's head as YOLOv8 exports it: boxes in pixels and scores below 1 in one tensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE, CLASSES, PIXELS = 32, 3, 640.0


def write_head(path: Path) -> Path:
    """Write an ONNX file: 3x32x32 in, ``[1, 4 + 3, 16]`` out; weights drawn at random.

    The last operation has no weights and takes boxes and scores together. Quantised with ``quantize_outputs``, its
    result gets one range of 8 bits, in whose steps of 2.5 every score is 0.
    """
    random = np.random.default_rng(0)
    cells = (SIDE // 8) ** 2
    weights = {
        "first": random.normal(0, 0.3, (16, 3, 3, 3)),
        "second": random.normal(0, 0.15, (16, 16, 3, 3)),
        "third": random.normal(0, 0.15, (16, 16, 3, 3)),
        "of_boxes": random.normal(0, 0.3, (4, 16, 1, 1)),
        "of_scores": random.normal(0, 0.4, (CLASSES, 16, 1, 1)),
        "pixels": np.array(PIXELS),
        "gain": np.full((1, 4 + CLASSES, 1), 1.01),
    }
    shapes = {"boxes_shape": np.array([1, 4, cells]), "scores_shape": np.array([1, CLASSES, cells])}
    nodes = [
        node
        for number, (before, name) in enumerate([("image", "first"), ("relu_0", "second"), ("relu_1", "third")])
        for node in (
            helper.make_node("Conv", [before, name], [f"conv_{number}"], pads=[1] * 4, strides=[2, 2]),
            helper.make_node("Relu", [f"conv_{number}"], [f"relu_{number}"]),
        )
    ]
    nodes += [
        helper.make_node("Conv", ["relu_2", "of_boxes"], ["box_map"]),
        helper.make_node("Conv", ["relu_2", "of_scores"], ["score_map"]),
        helper.make_node("Reshape", ["box_map", "boxes_shape"], ["flat_boxes"]),
        helper.make_node("Reshape", ["score_map", "scores_shape"], ["flat_scores"]),
        helper.make_node("Sigmoid", ["flat_boxes"], ["fractions"]),
        helper.make_node("Mul", ["fractions", "pixels"], ["boxes"]),
        helper.make_node("Sigmoid", ["flat_scores"], ["scores"]),
        helper.make_node("Concat", ["boxes", "scores"], ["joined"], axis=1),
        helper.make_node("Mul", ["joined", "gain"], ["output0"]),
    ]
    tensors = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    tensors += [numpy_helper.from_array(array.astype(np.int64), name) for name, array in shapes.items()]
    graph = helper.make_graph(
        nodes,
        "head",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 4 + CLASSES, cells])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path
