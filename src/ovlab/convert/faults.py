"""Why a model does not convert: what the file lacks, before the runtime's own words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ovlab.convert.identify import FRAMEWORKS, TO_PADDLE_2, identify
from ovlab.errors import OvlabError, one_line
from ovlab.text import shortened

SHOWN_BYTES = 24
NAMED_FILES = 5
UNREADABLE = re.compile(
    "Cannot recognize input model|ParseFromIstream|corrupted or malformed|Unable to read the model|pugi::status_ok"
)
"""What OpenVINO's frontends say of a file that breaks off."""


def conversion_error(path: Path, framework: str, error: BaseException) -> OvlabError:
    """Make the error of a model that does not convert.

    Parameters
    ----------
    path : Path
        What was opened.
    framework : str
        By which framework.
    error : BaseException
        What it said.

    Returns
    -------
    OvlabError
        Its line says what the file is or lacks, where that can be seen, and otherwise what the runtime said; its detail
        has the runtime's own words.
    """
    meaning = _meaning(path, framework, str(error))
    said = one_line(error).replace(f"{path.parent}/", "")
    line = f"{path.name}: {meaning or f'does not convert from {framework}: {said}'}"
    return OvlabError(line, detail=f"{type(error).__name__}: {error}")


def _meaning(path: Path, framework: str, words: str) -> str | None:
    """Say what the file is or lacks; nothing where that cannot be seen."""
    if path.is_dir():
        return None
    kind = identify(path)
    if kind is None or kind.framework != framework:
        with path.open("rb") as file:
            start = file.read(SHOWN_BYTES)
        return f"is no {FRAMEWORKS[framework]} model that can be read; it begins with {_shown(start)}"
    lacking = {"onnx": _onnx, "paddle": _paddle, "ir": _ir}.get(framework)
    if lacking is not None and (found := lacking(path, words)):
        return found
    damaged = UNREADABLE.search(words) is not None
    return f"is {kind.what} that is cut short or damaged ({path.stat().st_size} bytes); get it again" * damaged


def _shown(start: bytes) -> str:
    is_text = start.isascii() and start.decode("ascii").isprintable()
    return shortened(start.decode("ascii")) if is_text else f"the bytes {start[:8].hex(' ')}"


def _paddle(path: Path, words: str) -> str | None:
    if path.name == "__model__" or "version >=" in words:
        return f"saved before Paddle 2.0; {TO_PADDLE_2}"
    if path.suffix != ".pdmodel":
        return "a Paddle model's name must end in .pdmodel, with a .pdiparams of the same name beside it (key name)"
    weights = path.with_suffix(".pdiparams")
    if not weights.is_file():
        return f"its weights are missing: list {weights.name!r} under files too"
    if "wasn't successfully read" in words:
        return f"its weights, {weights.name}, are cut short or damaged ({weights.stat().st_size} bytes); get them again"
    return None


def _ir(path: Path, _words: str) -> str | None:
    weights = path.with_suffix(".bin")
    return None if weights.is_file() else f"its weights are missing: list {weights.name!r} under files too"


def _onnx(path: Path, _words: str) -> str | None:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError:
        return None
    needed = {
        _location(tensor) for tensor in _tensors(model.graph) if tensor.data_location == onnx.TensorProto.EXTERNAL
    }
    missing = sorted(name for name in needed if name and not (path.parent / name).is_file())
    if not missing:
        return None
    listed = ", ".join([*map(repr, missing[:NAMED_FILES]), *(["..."] if len(missing) > NAMED_FILES else [])])
    return f"keeps its weights in other files, which are missing: list {listed} under files too"


def _location(tensor: Any) -> str:
    return next((entry.value for entry in tensor.external_data if entry.key == "location"), "")


def _tensors(graph: Any) -> Iterator[Any]:
    """Yield the tensors of a graph and of the graphs within it."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for inner in (attribute.g, *attribute.graphs):
                yield from _tensors(inner)
