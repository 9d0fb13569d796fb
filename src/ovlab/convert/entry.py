"""Which of a model's files its framework opens."""

from __future__ import annotations

from pathlib import Path

from ovlab.convert.identify import FRAMEWORKS, PADDLE_3, TO_PADDLE_2, identify
from ovlab.errors import OvlabError, nearest
from ovlab.specs import ModelSpec

ENDINGS = {
    "onnx": (".onnx",),
    "tensorflow": (".pb",),
    "tflite": (".tflite",),
    "paddle": (".pdmodel",),
    "pytorch": (".pt2", ".pt"),
    "ir": (".xml",),
    "caffe": (".prototxt",),
}
"""How the names of each framework's models end."""
LISTED = 1000


def entry_path(root: Path, model: ModelSpec) -> Path:
    """Return the path that the framework opens.

    Parameters
    ----------
    root : Path
        Folder of the model's files: unpacked, or the folder itself that the model's YAML names.
    model : ModelSpec
        Its ``entry`` says which, or its first file does; of a folder or an archive, the only model in it is taken.

    Returns
    -------
    Path
        A file, or a SavedModel's folder.

    Raises
    ------
    OvlabError
        If it does not exist, or a folder holds no model of the framework or several.
    """
    if model.entry is not None:
        path = root / model.entry
        if not path.exists():
            inside = [item.relative_to(root).as_posix() for item in sorted(root.rglob("*"))[:LISTED]]
            raise OvlabError(f"entry: no {path.name!r} among the model's files{nearest(path.name, inside)}")
        return _in_folder(path, model.framework, path.name) if path.is_dir() else _whole(path)
    first = model.files[0].file_name
    path = root / first
    return _whole(path) if path.is_file() else _in_folder(path if path.is_dir() else root, model.framework, first)


def _whole(path: Path) -> Path:
    """Return a file, or the folder of a SavedModel whose file is named."""
    return path.parent if path.name == "saved_model.pb" else path


def _in_folder(folder: Path, framework: str, named: str) -> Path:
    """Return the only model of a framework in a folder; `named` is what the YAML calls it."""
    saved_models = folder.rglob("saved_model.pb") if framework == "tensorflow" else ()
    by_name = (path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS[framework])
    found = sorted({path.parent for path in saved_models}) or sorted(by_name)
    if len(found) == 1:
        return found[0]
    names = [path.relative_to(folder).as_posix() for path in found]
    if names:
        raise OvlabError(f"entry: missing, but {named} holds {len(names)} models: {', '.join(names[:10])}")
    if framework == "paddle":
        _refuse_other_paddle(folder, named)
    inside = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*"))[:LISTED] if path.is_file()]
    listed = f"; it holds {', '.join([*inside[:5], *(['...'] if len(inside) > 5 else [])])}" if inside else ""
    kinds = " or ".join((*ENDINGS[framework], *(["a SavedModel"] if framework == "tensorflow" else [])))
    raise OvlabError(f"{named}: no {FRAMEWORKS[framework]} model in it, expected {kinds}{listed}")


def _refuse_other_paddle(folder: Path, named: str) -> None:
    """Raise if a folder holds what Paddle 1 or Paddle 3 saves."""
    if any(folder.rglob("__model__")):
        raise OvlabError(f"{named}: holds a model saved before Paddle 2.0 (__model__); {TO_PADDLE_2}")
    for path in sorted(folder.rglob("*.json")):
        if identify(path) == PADDLE_3:
            raise OvlabError(f"{named}: holds {PADDLE_3.what} ({path.name}); {PADDLE_3.advice}")
