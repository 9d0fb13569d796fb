"""Names of files, and paths, that YAML, Hydra, Snakemake and programs take as they are, and those that they do not."""

from __future__ import annotations

import re
from pathlib import Path

LONGEST_NAME = 100
"""Bytes of a name: files that are made of two names and an ending must fit into a file system's 255."""
_NAME = re.compile(r"\w(?:[\w .+-]*[\w+-])?")
_NAME_RULE = "use letters, digits, '_', '-', '+', '.' and spaces, a letter, digit or '_' first"
LONGEST_PART, LONGEST_PATH = 255, 2000
"""Bytes that file systems take for a name, and a part of the 4096 of a path: folders and files are added."""
_PLACEHOLDER = re.compile(r"[{}]|<[a-z][a-z0-9_]*>")


def why_bad_name(name: str) -> str | None:
    """Say in a few words why a file cannot be called so; None for a good name.

    Parameters
    ----------
    name : str
        The file's name without ``.yaml``.
    """
    if len(name.encode("utf-8", "replace")) > LONGEST_NAME:
        return f"is longer than {LONGEST_NAME} bytes"
    if not _NAME.fullmatch(name) or not name.isprintable():
        return _NAME_RULE
    if name.endswith(".yaml"):
        return "ends in .yaml twice"
    from omegaconf import OmegaConf

    # A list in YAML would say something else with it than this name.
    read = OmegaConf.select(OmegaConf.create(f"name: {name}"), "name")
    if str(read) != name:
        return f"YAML reads it as {read!r}"
    return None


def has_placeholder(path: str) -> bool:
    """Tell whether Snakemake would take a part of a path for a wildcard (``{model}``) or a variable (``<results>``)."""
    return _PLACEHOLDER.search(path) is not None


def is_folder(path: Path) -> bool:
    """Tell whether there is such a folder; a name that no file system takes is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Tell whether there is such a file; a name that no file system takes is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def state_of(path: str) -> str:
    """Return the size and the time of change of a file or folder as text, or that there is none."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return "missing"
    return f"{found.st_size} {found.st_mtime_ns}"


def why_bad_folder(path: str) -> str | None:
    """Say in a few words why a workflow cannot keep its results in a folder; None where it can."""
    if has_placeholder(path):
        return "Snakemake takes {...} and <...> in a path for something else; choose another folder"
    if path.startswith("-"):
        return "programs take it for an option; write it with its folder before it"
    if not path.isprintable():
        return "holds a character that cannot be seen"
    if len(path.encode()) > LONGEST_PATH or any(len(part.encode()) > LONGEST_PART for part in Path(path).parts):
        return f"is longer than file systems allow ({LONGEST_PART} bytes a name, {LONGEST_PATH} in all)"
    return None
