"""Where composed grids are kept, and when one is believed.

A run hands the grid that it has planned with to its jobs, whose processes parse the Snakefile again: they take the very
file whose hash they are given, even if the configuration has been edited since. A later run takes a kept grid if it was
asked the same, by the same code and packages on the same kind of host, and all that was read then is as it was.
Anything else is composed: a file that is damaged, another user's or of another version is none.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ovlab.environment import host_identity
from ovlab.errors import OvlabError
from ovlab.files import open_handle, sha256_of_data, write_text
from ovlab_flow.grid.jobs import Grid
from ovlab_flow.grid_cache.plain_grid import grid_of, plain_grid
from ovlab_flow.grid_cache.seen import Seen, watching

log = logging.getLogger("ovlab_flow.grid_cache")
SCHEMA = "ovlab/grid/1"
FOLDER = Path(".snakemake/ovlab")
HANDED_OVER = "OVLAB_GRID"
"""Environment variable of a run's jobs: SHA-256 and path of the grid that the run has planned with."""
PACKAGES = ("hydra-core", "omegaconf", "pydantic", "pydantic-core", "pyyaml", "antlr4-python3-runtime")
KEPT_S = 30 * 86400
SOURCES = Path(__file__).resolve().parents[2]


def stored_grid(question: Mapping[str, Any], compose: Callable[[], Grid], has_secrets: Callable[[Grid], bool]) -> Grid:
    """Return the grid of a run: a kept one that still holds, or a composed one, which is then kept.

    It is handed over to the jobs of this process in its environment.

    Parameters
    ----------
    question : dict
        All that is asked of the composition, JSON-compatible.
    compose : callable
        Composes the grid.
    has_secrets : callable
        Tells whether a grid's addresses hold credentials, which are not kept: such a grid serves jobs alone.
    """
    os.environ.pop(HANDED_OVER, None)
    asked = sha256_of_data(dict(question))
    key = sha256_of_data({"asked": asked, "user": _user(), **_makers()})
    for path in sorted(FOLDER.glob(f"{key[:16]}-*.json")):
        grid = _read(path, None, {"asked": asked, "key": key})
        if grid is not None:
            with contextlib.suppress(OSError):
                os.utime(path)
            return grid
    with watching() as seen:
        grid = compose()
    seen.passing = seen.passing or has_secrets(grid)
    try:
        _keep(grid, seen, asked, key)
    except (OSError, ValueError, OvlabError) as error:  # a read-only folder, say: jobs compose for themselves
        log.debug("the grid is not kept: %s", error)
    return grid


def handed_over_grid(question: Mapping[str, Any]) -> Grid | None:
    """Return the grid that the run has handed over to this job; None if it has not, or the file is another by now."""
    sha256, _, path = os.environ.get(HANDED_OVER, "").partition(" ")
    return _read(Path(path), sha256, {"asked": sha256_of_data(dict(question))}) if sha256 and path else None


def _keep(grid: Grid, seen: Seen, asked: str, key: str) -> None:
    data = {
        "schema": SCHEMA,
        "asked": asked,
        "key": key,
        "seen": {"files": seen.files, "folders": seen.folders, "passing": seen.passing},
        **plain_grid(grid),
    }
    text = json.dumps(data, sort_keys=True, allow_nan=False)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    path = FOLDER / f"{key[:16]}-{sha256[:16]}.json"
    if not path.exists():
        write_text(path, text)
    os.environ[HANDED_OVER] = f"{sha256} {path.resolve()}"
    _remove_old(path)


def _remove_old(kept: Path) -> None:
    with contextlib.suppress(OSError):
        for path in FOLDER.glob("*.json"):
            if path != kept and path.stat().st_mtime < time.time() - KEPT_S:
                path.unlink()


def _read(path: Path, sha256: str | None, expected: Mapping[str, str]) -> Grid | None:
    """Read a kept grid; None if it is not what is expected.

    Parameters
    ----------
    path : Path
        The file.
    sha256 : str, optional
        Its hash, where it was handed over; otherwise the file is believed as long as what it was made from holds.
    expected : dict
        What it has to say of itself.
    """
    try:
        content = _own_content(path)
        found = hashlib.sha256(content).hexdigest()
        if found != (sha256 or found) or not path.stem.endswith(f"-{found[:16]}"):
            raise ValueError("was changed after it was written")
        data = json.loads(content)
        if any(data[name] != value for name, value in {"schema": SCHEMA, **expected}.items()):
            raise ValueError("answers something else")
        if sha256 is None and not _holds(Seen(**data["seen"])):
            return None
        grid = grid_of(data)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OvlabError) as error:
        log.debug("%s: not used: %s", path, error)
        return None
    os.environ[HANDED_OVER] = f"{found} {path.resolve()}"
    return grid


def _holds(seen: Seen) -> bool:
    return not seen.passing and seen.still_holds()


def _own_content(path: Path) -> bytes:
    """Return the content of a regular file of this user's; what others put there is refused."""
    handle, state = open_handle(path)
    with os.fdopen(handle, "rb") as file:
        if state.st_uid != _user():
            raise ValueError("is another user's")
        return file.read()


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _makers() -> dict[str, Any]:
    """Return what a grid is made with: this code, the packages that compose, the host."""
    code = hashlib.sha256()
    for package in ("ovlab", "ovlab_flow"):
        for path in sorted((SOURCES / package).rglob("*.py")):
            code.update(f"{path.relative_to(SOURCES)}\0".encode())
            code.update(hashlib.sha256(path.read_bytes()).digest())
    return {
        "code": code.hexdigest(),
        "packages": {name: _version(name) for name in PACKAGES},
        "python": sys.version,
        "host": host_identity(),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
