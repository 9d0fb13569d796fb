"""Data sets that are made instead of downloaded: the same bytes from the same parameters on every machine.

A data set's YAML names a generator and its parameters; the download stage calls :func:`generate`. All of them start
from the 1797 handwritten digits that come with scikit-learn (E. Alpaydin, C. Kaynak, "Optical Recognition of
Handwritten Digits", UCI Machine Learning Repository, 1998, CC BY 4.0), so that nothing large is shipped or fetched.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

from ovlab.errors import OvlabError, nearest
from ovlab.generators.digits import write_digits
from ovlab.generators.scenes import write_scenes

__all__ = ["GENERATORS", "generate"]

#: Generators by the name that a data set's YAML uses. Each takes the folder to write and keyword parameters.
GENERATORS: dict[str, Callable[..., None]] = {"digits": write_digits, "scenes": write_scenes}


def generate(name: str, folder: Path, **parameters: object) -> None:
    """Write a generated data set.

    Parameters
    ----------
    name : str
        A key of :data:`GENERATORS`.
    folder : Path
        Where to write. It is created when absent and must be empty. The files appear one by one: whoever needs
        all or nothing passes a temporary folder and renames it.
    **parameters
        The generator's own keyword parameters.

    Raises
    ------
    OvlabError
        Unknown generator, unknown or missing parameter, a value of the wrong type or out of range, or a folder
        that holds something already.
    """
    if name not in GENERATORS:
        raise OvlabError(f"unknown generator '{name}'{nearest(name, GENERATORS)}")
    function = GENERATORS[name]
    known = {
        key: parameter
        for key, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    for key in parameters:
        if key not in known:
            raise OvlabError(f"generator '{name}': unknown parameter '{key}'{nearest(key, known)}")
    for key, parameter in known.items():
        if parameter.default is inspect.Parameter.empty and key not in parameters:
            raise OvlabError(f"generator '{name}': parameter '{key}' is missing")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OvlabError(f"generator '{name}': {folder} is not an empty folder")
    function(folder, **parameters)
