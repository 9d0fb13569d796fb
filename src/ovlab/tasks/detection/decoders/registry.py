"""Decoders by name, their parameters, and decoders of users."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError

from ovlab.errors import OvlabError, nearest, one_line
from ovlab.metrics.detection import Detections
from ovlab.specs.base import describe
from ovlab.usercode.activity import UserCode

Outputs = Mapping[str, NDArray[Any]]
"""Arrays by tensor name; one array may be there under several names."""

Decoder = Callable[..., Detections]

DECODERS: dict[str, Decoder] = {}
"""The known decoders by the name that YAML uses."""

GIVEN = ("width", "height", "classes")
"""What every decoder gets besides its own parameters."""


def decoder(name: str) -> Callable[[Decoder], Decoder]:
    """Register a function as a decoder.

    Parameters
    ----------
    name : str
        What YAML calls it.

    Returns
    -------
    callable
        The decorator; it returns the function unchanged.

    Raises
    ------
    OvlabError
        If the name belongs to a function of another file, or the function does not take ``outputs`` and the keywords
        ``width``, ``height`` and ``classes``.
    """

    def register(function: Decoder) -> Decoder:
        known = DECODERS.get(name)
        # The same file may be loaded again, for a second model.
        if known is not None and _file(known) != _file(function):
            raise OvlabError(f"decoder '{name}' exists already; give yours another name")
        missing = [key for key in GIVEN if key not in inspect.signature(function).parameters]
        if missing:
            raise OvlabError(f"decoder '{name}': takes no '{missing[0]}', expected (outputs, *, {', '.join(GIVEN)})")
        DECODERS[name] = function
        return function

    return register


def load_decoders(path: Path) -> list[str]:
    """Execute a user's Python file, which registers decoders.

    Parameters
    ----------
    path : Path
        The file. It runs with all rights of this process.

    Returns
    -------
    list of str
        Names of the decoders that the file registers.

    Raises
    ------
    OvlabError
        If the file is missing, fails, or registers nothing.
    """
    if not path.is_file():
        raise OvlabError(f"decoder_file: no file {str(path)!r}")
    whole = path.resolve()  # as Python notes it in the functions that the file makes
    spec = importlib.util.spec_from_file_location(f"ovlab_user_decoders_{path.stem}", whole)
    if spec is None or spec.loader is None:
        raise OvlabError(f"decoder_file: {path} is no Python file, expected a name ending in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where the type hints of its functions are looked up
    try:
        with UserCode(f"decoder_file: {path}", "load_s"):
            spec.loader.exec_module(module)
    except OvlabError as error:
        raise OvlabError(f"decoder_file: {path}: {error}") from None
    except (Exception, SystemExit) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise OvlabError(f"decoder_file: {path} cannot be loaded{line} ({one_line(error)})") from None
    names = [name for name, function in DECODERS.items() if _file(function) == str(whole)]
    if not names:
        raise OvlabError(f"decoder_file: {path} registers no decoder, expected a function with @decoder('name')")
    return names


def bind(name: str, parameters: Mapping[str, Any], *, width: int, height: int, classes: int) -> Decoder:
    """Choose a decoder and check the parameters that YAML gives.

    Parameters
    ----------
    name : str
        One of `DECODERS`.
    parameters : mapping
        Its own keyword parameters; values are checked against the function's type hints.
    width, height : int
        Size of the input in pixels.
    classes : int
        Number of the model's classes, without the background.

    Returns
    -------
    callable
        From outputs (arrays by tensor name) to `Detections` in pixels of the input.

    Raises
    ------
    OvlabError
        If the name or a parameter is unknown, a needed parameter is missing, or a value does not fit. The returned
        function raises it if the outputs do not fit.
    """
    if name not in DECODERS:
        raise OvlabError(f"decoder: {name!r} is unknown{nearest(name, DECODERS)}")
    function = DECODERS[name]
    own = _own_parameters(function)
    for key in parameters:
        if key not in own:
            raise OvlabError(f"decoder {name}: parameters.{key}: unknown parameter{nearest(key, own)}")
    for key, parameter in own.items():
        if parameter.default is inspect.Parameter.empty and key not in parameters:
            raise OvlabError(f"decoder {name}: parameters.{key}: missing, but needed")
    values = _checked(name, function, parameters)

    def decode(outputs: Outputs) -> Detections:
        try:
            found = function(outputs, width=width, height=height, classes=classes, **values)
        except OvlabError as error:
            raise OvlabError(f"decoder {name}: {error}") from None
        # A user's function may fail in any way: it is bad input like a bad file.
        except Exception as error:
            raise OvlabError(f"decoder {name}: {one_line(error)}") from error
        if not isinstance(found, Detections):
            raise OvlabError(f"decoder {name}: returns {type(found).__name__}, expected Detections")
        outside = found.class_ids[(found.class_ids < 0) | (found.class_ids >= classes)]
        if outside.size:
            raise OvlabError(f"decoder {name}: class index {outside[0]}, expected 0 to {classes - 1}")
        return found

    return decode


def _own_parameters(function: Decoder) -> dict[str, inspect.Parameter]:
    return {
        key: parameter
        for key, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and key not in GIVEN
    }


def _checked(name: str, function: Decoder, parameters: Mapping[str, Any]) -> dict[str, Any]:
    try:
        hints = get_type_hints(function)
    except NameError as error:
        raise OvlabError(f"decoder {name}: a type hint cannot be resolved ({error})") from None
    values = {}
    for key, value in parameters.items():
        adapter: TypeAdapter[Any] = TypeAdapter(hints.get(key, Any), config=ConfigDict(strict=True))
        try:
            values[key] = adapter.validate_python(value)
        except ValidationError as error:
            raise OvlabError(f"decoder {name}: parameters.{key}: {describe(error)}") from None
    return values


def _file(function: Decoder) -> str:
    return getattr(getattr(function, "__code__", None), "co_filename", "")
