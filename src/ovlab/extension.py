"""What a model brings of its own: operations (an OpenVINO extension), loaded wherever its IR is read, or Caffe layers.

An IR with such operations has a file ``extension.json`` beside it (path and hash), which `ovlab.runtime.read_ir` looks
for. Builders of Caffe layers are only needed to convert.
Imported in a launch, so it imports little.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import openvino as ov

from ovlab.errors import OvlabError, one_line
from ovlab.files import read_json, sha256_of, write_json
from ovlab.usercode.activity import Limit, UserCode

if TYPE_CHECKING:
    from ovlab.specs.source import ExtensionFile

BESIDE_THE_IR = "extension.json"
LIST = "extensions"
EXPECTED = (
    "a list of operations (subclasses of openvino.Op) and of conversion extensions (openvino.frontend), or functions "
    "that build Caffe layers (@layer_type of ovlab.caffe)"
)


def load_extension(core: ov.Core, path: str, sha256: str) -> list[Any]:
    """Make the operations of a file known to a core, and its Caffe layer types to `ovlab.caffe`.

    Parameters
    ----------
    core : openvino.Core
        Reads models with these operations afterwards.
    path : str
        A Python file with a list ``extensions`` or with builders of Caffe layers, or a compiled library. Either is
        executed with all rights of this process.
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
    return _load(core, path, sha256)[0]


def holds_operations(core: ov.Core, path: str, sha256: str) -> bool:
    """Whether a file's operations are needed to read an IR made with it; see `load_extension`."""
    return _load(core, path, sha256)[1]


@functools.cache
def _load(core: ov.Core, path: str, sha256: str) -> tuple[list[Any], bool]:
    """Load a file once; return its conversion extensions, and whether it has anything besides Caffe layers."""
    file = Path(path)
    if not file.is_file():
        raise OvlabError(f"extension: no file {path!r}")
    if sha256_of(file) != sha256:
        raise OvlabError(f"extension: {path} has changed since it was planned with; run again")
    if file.suffix != ".py":
        library = str(file.resolve())
        try:
            with UserCode(f"extension: {path}", "load_s"):
                core.add_extension(library)
        except RuntimeError as error:
            raise OvlabError(f"extension: {path} cannot be loaded ({one_line(error)})") from None
        return [library], True
    if registry := _caffe_layers():
        registry.forget_own_types()
    found = getattr(_execute(file), LIST, None)
    if found is None and (registry := _caffe_layers()) and registry.own_types():
        return [], False
    if not isinstance(found, list | tuple) or not found:
        raise OvlabError(f"extension: {path} has no {LIST!r}, expected {EXPECTED}")
    for one in found:
        if isinstance(one, type) and issubclass(one, ov.Op):
            core.add_extension(one)
        elif not isinstance(one, ov.Extension):
            raise OvlabError(f"extension: {path}: {LIST} holds {one!r}, expected {EXPECTED}")
    return [one for one in found if not isinstance(one, type)], True


def _caffe_layers() -> Any:
    """Return the module with the table of Caffe layer types, if user code imported it: a launch must not."""
    return sys.modules.get("ovlab.caffe.layer")


def _execute(path: Path) -> ModuleType:
    loader = SourceFileLoader(f"ovlab_user_extension_{path.stem}", str(path))
    module = ModuleType(loader.name)
    module.__file__ = str(path)
    sys.modules[loader.name] = module
    try:
        with UserCode(f"extension: {path}", "load_s"):
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


def own_operations(
    folder: Path, doing: str, limit: Limit = "load_s", times: float = 1.0
) -> UserCode | contextlib.nullcontext[None]:
    """Return the context for work in which the operations of an IR in a folder run; nothing where it has none.

    Parameters
    ----------
    folder : Path
        Where the IR lies.
    doing : str
        What is done, for an error line.
    limit, times
        See :class:`UserCode`.
    """
    beside = folder / BESIDE_THE_IR
    if not beside.exists():
        return contextlib.nullcontext()
    return UserCode(f"extension: {read_json(beside)['path']}: {doing}", limit, times, alone=limit == "image_s")


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
