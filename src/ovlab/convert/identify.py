"""What a file is, by its first bytes: what a download gave, or what was saved, is often not the model."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ovlab.errors import OvlabError

FRAMEWORKS = {
    "onnx": "ONNX",
    "tensorflow": "TensorFlow",
    "tflite": "TFLite",
    "paddle": "Paddle",
    "pytorch": "PyTorch",
    "ir": "OpenVINO IR",
    "caffe": "Caffe",
}
"""What each framework's models are called."""

HEAD = 4096
WEIGHTS_ALONE = "weights without the network"
TO_PYTORCH = (
    "build the network in Python, load the weights into it, and save it with torch.jit.trace(...).save, "
    "torch.export.save or torch.onnx.export"
)
TO_PADDLE_2 = (
    "OpenVINO reads Paddle 2's files: load the model with Paddle 2 or later and save it with "
    "paddle.static.save_inference_model or paddle.jit.save"
)


@dataclass(frozen=True)
class FileKind:
    """What a file is.

    Attributes
    ----------
    what : str
        In words, such as ``a Git LFS pointer``.
    framework : str
        The framework that opens it; empty if none does.
    advice : str
        What to do with one that none opens.
    """

    what: str
    framework: str = ""
    advice: str = ""


_KERAS = FileKind("a Keras file", advice="save the model with model.export('folder'), which writes a SavedModel")
_CHECKPOINT = FileKind(f"a PyTorch checkpoint, {WEIGHTS_ALONE}", advice=TO_PYTORCH)
PADDLE_3 = FileKind(
    "a model in Paddle 3's own format, which OpenVINO does not read",
    advice="set FLAGS_enable_pir_api=0 in the environment and save it again, which writes .pdmodel and .pdiparams",
)


def _archive(method: str) -> FileKind:
    return FileKind(f"a {method} archive", advice="give it as .zip or .tar(.gz, .bz2, .xz), which is unpacked")


_BINARY: tuple[tuple[bytes, FileKind], ...] = (
    (rb"\Z", FileKind("empty", advice="get it again")),
    (rb"\x1f\x8b", _archive("gzip")),
    (rb"BZh", _archive("bzip2")),
    (rb"\xfd7zXZ\x00", _archive("xz")),
    (rb"7z\xbc\xaf\x27\x1c", _archive("7z")),
    (rb"Rar!", _archive("RAR")),
    (rb"\x28\xb5\x2f\xfd", _archive("zstd")),
    (rb"\x89HDF\r\n\x1a\n", _KERAS),
    (rb"....TFL3", FileKind("a TFLite model", "tflite")),
    (rb"\x80[\x02-\x05]", _CHECKPOINT),
    (rb"GGUF", FileKind("a GGUF file of a language model")),
    (rb".{8}\{\"", FileKind(f"a safetensors file, {WEIGHTS_ALONE}", advice=TO_PYTORCH)),
    (rb"\x08\x01\x12", FileKind("the saved_model.pb of a SavedModel", "tensorflow")),
    # ir_version, then the producer's name and version, the domain, the graph or the opsets.
    (rb"\x08[\x03-\x1f][\x12\x1a\x22\x3a\x42]", FileKind("an ONNX model", "onnx")),
    # The first of a ProgramDesc's blocks begins with its number and that of its parent, which is none: -1.
    (rb"\x0a[\x80-\xff]*[\x00-\x7f]\x08\x00\x10\xff\xff", FileKind("a Paddle model", "paddle")),
    # The first of a GraphDef's nodes begins with its name.
    (rb"\x0a[\x80-\xff]*[\x00-\x7f]\x0a[\x01-\x7f][\x20-\x7e]", FileKind("a TensorFlow graph", "tensorflow")),
)
"""Patterns of the first bytes; the first that fits counts."""

POINTER = FileKind(
    "a Git LFS pointer, which only names the model",
    advice="get the file itself with 'git lfs pull', or from its raw address",
)
PAGE = FileKind("an HTML page", advice="the address shows a page about the file; give the address of the file itself")
_TEXT: tuple[tuple[bytes, FileKind], ...] = (
    (rb"version https://git-lfs\.github\.com/", POINTER),
    (rb"<!doctype html|<.{0,500}<html|<html", PAGE),
    (rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<net\b", FileKind("an OpenVINO IR", "ir")),
    (rb"\{.{0,500}\"magic\"\s*:\s*\"pir\"", PADDLE_3),
    (rb"(.*\n)?\s*(layers?|input_dim)\s*[:{]", FileKind("a Caffe prototxt", "caffe")),
    (rb"\{", FileKind("JSON", advice="give the file that holds the network")),
    (rb"<\?xml", FileKind("XML", advice="give the file that holds the network")),
)
"""The same of text, in small letters and without what is blank at its beginning."""


def identify(path: Path) -> FileKind | None:
    """Say what a file is.

    Parameters
    ----------
    path : Path
        A file; its first bytes are looked at, and the names in it if it is a zip archive.

    Returns
    -------
    FileKind or None
        None if that cannot be said.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(b"PK\x03\x04"):
        return _in_zip(path)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return _first(_BINARY, head) or _first(_TEXT, text)


def _first(patterns: tuple[tuple[bytes, FileKind], ...], head: bytes) -> FileKind | None:
    return next((kind for pattern, kind in patterns if re.match(pattern, head, re.DOTALL)), None)


def _in_zip(path: Path) -> FileKind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.partition("/")[2] or name for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError, ValueError):
        return FileKind("a zip file (as PyTorch writes them) that is cut short or damaged", advice="get it again")
    if {"archive_format", "models/model.json"} <= names or "serialized_exported_program.json" in names:
        return FileKind("an exported program", "pytorch")
    if "constants.pkl" in names and any(name.startswith("code/") for name in names):
        return FileKind("a TorchScript model", "pytorch")
    if "data.pkl" in names:
        return _CHECKPOINT
    if "model.weights.h5" in names:
        return _KERAS
    return FileKind("a zip archive", advice="leave out 'unpack: false', or name it .zip, so that it is unpacked")


def refuse_other_files(path: Path, framework: str, beside: Iterable[Path]) -> None:
    """Raise if what a framework would open is no model of it, or a file beside it is none at all.

    Parameters
    ----------
    path : Path
        The file that the framework would open, or a folder.
    framework : str
        A key of `FRAMEWORKS`.
    beside : iterable of Path
        The model's other files, such as weights.

    Raises
    ------
    OvlabError
        Saying what the file is, and what to do.
    """
    kind = identify(path) if path.is_file() else None
    if kind is not None and kind.framework not in {"", framework}:
        raise OvlabError(f"{path.name}: is {kind.what}, not {FRAMEWORKS[framework]}; say framework: {kind.framework}")
    if kind is not None and not kind.framework:
        raise OvlabError(_line(path, kind))
    for other in beside:
        found = identify(other) if other.is_file() else None
        if found is POINTER or found is PAGE:
            raise OvlabError(_line(other, found))


def _line(path: Path, kind: FileKind) -> str:
    return f"{path.name}: is {kind.what}" + (f"; {kind.advice}" if kind.advice else "")
