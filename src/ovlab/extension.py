"""Operations of a model's own: an OpenVINO extension, loaded wherever the model's IR is read.

An IR that needs one has a file ``extension.json`` beside it (path and hash), which `ovlab.runtime.read_ir` looks for.
Imported in a launch, so it imports little.
"""

from __future__ import annotations

import functools
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import openvino as ov

from ovlab.errors import OvlabError, one_line
from ovlab.files import read_json, sha256_of, write_json

if TYPE_CHECKING:
    from ovlab.specs.source import ExtensionFile

BESIDE_THE_IR = "extension.json"
LIST = "extensions"
EXPECTED = "a list of operations (subclasses of openvino.Op) and of conversion extensions (openvino.frontend)"


@functools.cache
def load_extension(core: ov.Core, path: str, sha256: str) -> list[Any]:
    """Make the operations of a file known to a core.

    Parameters
    ----------
    core : openvino.Core
        Reads models with these operations afterwards.
    path : str
        A Python file with a list ``extensions``, or a compiled library. Either is executed with all rights of this
        process.
    sha256 : str
        The hash that the file is expected to have.

    Returns
    -------
    list
        What ``openvino.convert_model(extension=...)`` takes.

    Raises
    ------
    OvlabError
        If the file is missing, has changed, or does not load.
    """
    file = Path(path)
    if not file.is_file():
        raise OvlabError(f"extension: no file {path!r}")
    if sha256_of(file) != sha256:
        raise OvlabError(f"extension: {path} has changed since it was planned with; run again")
    if file.suffix != ".py":
        library = str(file.resolve())
        try:
            core.add_extension(library)
        except RuntimeError as error:
            raise OvlabError(f"extension: {path} cannot be loaded ({one_line(error)})") from None
        return [library]
    found = getattr(_execute(file), LIST, None)
    if not isinstance(found, list | tuple) or not found:
        raise OvlabError(f"extension: {path} has no {LIST!r}, expected {EXPECTED}")
    for one in found:
        if isinstance(one, type) and issubclass(one, ov.Op):
            core.add_extension(one)
        elif not isinstance(one, ov.Extension):
            raise OvlabError(f"extension: {path}: {LIST} holds {one!r}, expected {EXPECTED}")
    return [one for one in found if not isinstance(one, type)]


def _execute(path: Path) -> ModuleType:
    loader = SourceFileLoader(f"ovlab_user_extension_{path.stem}", str(path))
    module = ModuleType(loader.name)
    module.__file__ = str(path)
    sys.modules[loader.name] = module
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise OvlabError(f"extension: {path} cannot be loaded{line} ({one_line(error)})") from None
    return module


def load_extension_of(core: ov.Core, folder: Path) -> None:
    """Load the extension that the IR in a folder needs, if it needs one."""
    beside = folder / BESIDE_THE_IR
    if beside.exists():
        load_extension(core, **read_json(beside))


def extension_of(folder: Path) -> dict[str, str] | None:
    """Return the extension that the IR in a folder needs: its path and hash, as `ExtensionFile` has them."""
    beside = folder / BESIDE_THE_IR
    return dict(read_json(beside)) if beside.exists() else None


def write_extension(folder: Path, extension: ExtensionFile | None) -> None:
    """Note beside an IR which extension it needs."""
    if extension is None:
        (folder / BESIDE_THE_IR).unlink(missing_ok=True)
    else:
        write_json(folder / BESIDE_THE_IR, extension.plain())
