"""A model's extension: the file that its YAML names, with the hash that its results depend on."""

from __future__ import annotations

from pathlib import Path

from ovlab.errors import OvlabError
from ovlab.files import sha256_of
from ovlab.specs import ExtensionFile
from ovlab.text import shortened
from ovlab_flow.grid_cache.seen import note_file
from ovlab_flow.paths import is_file


def check_extension(path: str | None, where: str) -> None:
    """Refuse a file that is not there.

    Raises
    ------
    OvlabError
        Beginning with `where`, the model's YAML.
    """
    if path is not None and not is_file(Path(path)):
        raise OvlabError(f"{where}: extension: no file {shortened(path)} (seen from {str(Path.cwd())!r})")


def extension_file(path: str | None) -> ExtensionFile | None:
    """Return what the convert step needs to know of an extension; none for a model without one."""
    if path is None:
        return None
    note_file(Path(path))
    return ExtensionFile(path=path, sha256=sha256_of(Path(path)))
