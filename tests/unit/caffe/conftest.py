"""Fixtures for small Caffe networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from caffe_net import Array, caffemodel, infer

from ovlab.caffe import read_model


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Write a prototxt and a caffemodel."""

    def write(text: str, blobs: Mapping[str, Sequence[Array]] | None = None, *, v1: bool = False) -> tuple[Path, Path]:
        prototxt, weights = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
        prototxt.write_text(text)
        weights.write_bytes(caffemodel(blobs or {"none": []}, v1=v1))
        return prototxt, weights

    return write


@pytest.fixture
def run(files: Callable[..., tuple[Path, Path]]) -> Callable[..., Array]:
    """Build a network of one layer between inputs ``x``, ``y``... and top ``out``; return what it computes.

    ``layer`` is the inside of the layer but for its name (``l``), bottoms and top.
    """

    def run_layer(layer: str, *inputs: Array, blobs: Sequence[Array] = (), **read: object) -> Array:
        names = "xyzwv"[: len(inputs)]
        text = "".join(
            f'layer {{ name: "{n}" type: "Input" top: "{n}" input_param {{ shape {{ '
            + " ".join(f"dim: {d}" for d in value.shape)
            + " } } }\n"
            for n, value in zip(names, inputs, strict=True)
        )
        text += (
            f'layer {{ name: "l" {layer} {" ".join(f"bottom: {chr(34)}{n}{chr(34)}" for n in names)} top: "out" }}\n'
        )
        prototxt, weights = files(text, {"l": list(blobs)})
        return infer(read_model(prototxt, weights, **read), *inputs)["out"]  # type: ignore[arg-type]

    return run_layer


@pytest.fixture
def rng() -> np.random.Generator:
    """Numbers that are the same in every run."""
    return np.random.default_rng(20260)
