"""PyTorch's own formats: TorchScript and exported programs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import openvino as ov

from ovlab.errors import OvlabError


def read_pytorch(path: Path, extensions: list[Any]) -> ov.Model:
    """Read a TorchScript model (``.pt``) or an exported program (``.pt2``).

    Parameters
    ----------
    path : Path
        The file.
    extensions : list
        OpenVINO extensions with operations of the model's own.

    Returns
    -------
    openvino.Model
        An exported program's inputs have the shapes that it states; TorchScript states none.

    Raises
    ------
    OvlabError
        If PyTorch is not installed, or the file holds code for Python's unpickler.
    """
    try:
        import torch
    except ImportError:
        raise OvlabError(
            f"{path.name}: framework pytorch needs PyTorch, which is not installed: 'pip install torch', "
            "or export the model to ONNX"
        ) from None
    if path.suffix != ".pt2":
        # TorchScript has a reader of its own in C++, which builds tensors and compiles code of its own language.
        return ov.convert_model(torch.jit.load(path, map_location="cpu").eval(), extension=extensions or None)
    with _no_unpickling(path):
        program = torch.export.load(path)
    model = ov.convert_model(program, extension=extensions or None)
    shapes = _stated_shapes(program)
    # Weights and buffers are constants by now, so that the inputs that are left are the user's, in their order.
    if len(shapes) == len(model.inputs):
        model.reshape({port: ov.PartialShape(list(shape)) for port, shape in zip(model.inputs, shapes, strict=True)})
    return model


@contextlib.contextmanager
def _no_unpickling(path: Path) -> Iterator[None]:
    """Let ``torch.export.load`` build tensors only: constants and example inputs may be any pickle otherwise."""
    import pickle

    import torch

    load, loads = torch.load, pickle.loads

    def tensors_only(*args: Any, **kwargs: Any) -> Any:
        return load(*args, **kwargs | {"weights_only": True})

    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise OvlabError(f"{path.name}: holds Python objects that would run code when read; export it without them")

    torch.load, pickle.loads = tensors_only, refuse
    try:
        yield
    finally:
        torch.load, pickle.loads = load, loads


def _stated_shapes(program: Any) -> list[Sequence[int]]:
    """Return the shapes of an exported program's inputs, -1 for what it leaves open."""
    names = set(program.graph_signature.user_inputs)
    found = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    return [[size if isinstance(size, int) else -1 for size in one.shape] for one in found if hasattr(one, "shape")]
