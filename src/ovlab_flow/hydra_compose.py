"""Hydra's composition and OmegaConf's interpolation, with their many ways to fail put into one line each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra import compose
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from ovlab.errors import OvlabError
from ovlab.text import shortened
from ovlab_flow.grid_cache.seen import note_text
from ovlab_flow.yaml_files import ESCAPE, is_text

MOST_INTERPOLATIONS = 16
"""Each may stand for what holds others, so that their number bounds how a configuration grows."""
LONGEST_REASON = 500
_INTERPOLATION = re.compile(r"(?<!\\)(?:\\\\)*\$\{")  # not after an odd number of backslashes: that is text


def compose_files(chosen: Sequence[str], overrides: Sequence[str]) -> DictConfig:
    """Compose the top level.

    Parameters
    ----------
    chosen : sequence of str
        The files, as ``GROUP='NAME'``.
    overrides : sequence of str
        What else is said, in Hydra's grammar.

    Raises
    ------
    OvlabError
        If a file cannot be read, or Hydra cannot put the files together.
    """
    try:
        return compose(config_name="config", overrides=[*chosen, *overrides])
    except OvlabError:
        raise
    except Exception as error:
        # Hydra merges without a look at what kind of thing a file holds, and fails in many ways.
        raise OvlabError(f"configuration ({', '.join(chosen)}): {_one_line(error)}") from None


def plain_data(composed: DictConfig, files: Mapping[str, str]) -> dict[str, Any]:
    """Return what was composed as plain data, with what ``${...}`` stands for in its place.

    Parameters
    ----------
    composed : DictConfig
        From `compose_files`.
    files : dict
        Groups that were chosen from, ``experiment`` among them, and how messages call the file of each.

    Raises
    ------
    OvlabError
        If a text is none, there are more interpolations than are ever needed, or one stands for nothing.
    """
    unresolved: Any = OmegaConf.to_container(composed, resolve=False)
    count = 0
    for key, text in _texts(unresolved):
        count += len(_INTERPOLATION.findall(text))
        note_text(text)
        if not is_text(text):
            raise OvlabError(f"configuration: {key}: {shortened(text)} holds a character that no text has")
    if count > MOST_INTERPOLATIONS:
        raise OvlabError(f"configuration: {count} times ${{...}}, expected at most {MOST_INTERPOLATIONS}")
    try:
        plain: Any = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except (OmegaConfBaseException, RecursionError, ValueError, TypeError) as error:
        key = str(getattr(error, "full_key", None) or "")
        head, _, rest = key.partition(".")
        where = f"{files.get(head, files['experiment'])}: {rest if head in files and head != 'experiment' else key}"
        raise OvlabError(f"{where}: {_unresolved(error)}") from None
    return dict(plain)


def _unresolved(error: Exception) -> str:
    """Say why a value with ``${...}`` has none."""
    if isinstance(error, MissingMandatoryValue):
        return "??? stands for a value that is missing"
    reason = "it refers to itself" if isinstance(error, RecursionError) else str(error).splitlines()[0]
    return f"{reason}{ESCAPE}"


def _texts(data: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield all texts of a configuration with their keys."""
    if isinstance(data, str):
        yield key, data
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for name, value in pairs:
        yield from _texts(value, f"{key}.{name}" if key else str(name))


def _one_line(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "the defaults of a file lead back to it"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # Hydra lists its search path after the message.
    kept = lines[: lines.index("Config search path:")] if "Config search path:" in lines else lines
    return " ".join(kept)[:LONGEST_REASON]
