"""How a profiling process begins and ends: a request is read, a result or an error is written."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from ovlab.errors import OvlabError, one_line
from ovlab.files import read_json

RequestT = TypeVar("RequestT")
ALIVE: list[Any] = []
"""Compiled models and requests are not destroyed: see `ovlab.measure.child.launch`."""


def run(work: Callable[[RequestT], dict[str, Any]], kind: type[RequestT]) -> NoReturn:
    """Read the request, write the result, end the process without tearing anything down.

    Parameters
    ----------
    work : callable
        From a request to a result. An error becomes a result of its own.
    kind : type
        What the request is.
    """
    request_path, result_path = (Path(argument) for argument in sys.argv[1:])
    try:
        result = work(kind(**read_json(request_path)))
    except OvlabError as error:
        result = {"error": str(error)}
    except (RuntimeError, OSError, MemoryError, ValueError) as error:
        result = {"error": one_line(error)}
    result_path.write_text(json.dumps(result), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
