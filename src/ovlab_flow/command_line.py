"""What stands on command lines: overrides as Snakemake hands them on, and settings of a step, which have to fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ovlab.errors import OvlabError
from ovlab.specs import Spec

MOST_BYTES = 120_000
"""Linux takes 131,072 bytes in an argument."""
OPENING, CLOSING, QUOTES = "[{(", "]})", "'\""


def check_sizes(settings: Iterable[Spec], where: str) -> None:
    """Refuse settings that no command line takes.

    Parameters
    ----------
    settings : iterable of Spec
        Of all steps.
    where : str
        How messages call the experiment's file.

    Raises
    ------
    OvlabError
        Naming the kind of step.
    """
    for one in settings:
        size = len(one.to_json().encode())
        if size > MOST_BYTES:
            step = type(one).__name__.removesuffix("Settings").removesuffix("Spec").lower()
            raise OvlabError(
                f"{where}: the settings of a {step} step take {size} bytes, more than the {MOST_BYTES} of a command "
                "line; shorten descriptions, and give class_names as a file"
            )


def as_lines(value: Any) -> list[str]:
    """Return overrides as lines ``KEY=VALUE``, from a list, a mapping, or text such as ``[a=1,b=[x,y]]``.

    Snakemake reads ``--config overrides=...`` as YAML and hands on as text what is none, such as a list with brackets
    inside of an entry that has no quotes.
    """
    if value is None or value == "":
        return []
    if isinstance(value, Mapping):
        return [f"{key}={_plain(one)}" for key, one in value.items()]
    if isinstance(value, str):
        text = value.strip()
        return list(_split(text[1:-1])) if text.startswith("[") and text.endswith("]") else [text]
    if isinstance(value, Sequence):
        return [line for one in value for line in (as_lines(one) if isinstance(one, Mapping) else [str(one)])]
    return [str(value)]


def _plain(value: Any) -> str:
    """Return a value of YAML in Hydra's grammar."""
    if isinstance(value, list):
        return f"[{','.join(_plain(one) for one in value)}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}:{_plain(one)}' for key, one in value.items())}}}"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _split(text: str) -> Iterator[str]:
    """Split at the commas that are inside of no bracket and no quotes; quotes around a whole entry go."""
    depth, quote, start = 0, "", 0
    for position, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in QUOTES:
            quote = sign
        elif sign in OPENING:
            depth += 1
        elif sign in CLOSING:
            depth -= 1
        elif sign == "," and depth == 0:
            yield _unquoted(text[start:position])
            start = position + 1
    if text[start:].strip():
        yield _unquoted(text[start:])


def _unquoted(entry: str) -> str:
    entry = entry.strip()
    is_quoted = len(entry) > 1 and entry[0] in QUOTES and entry[-1] == entry[0] and entry[0] not in entry[1:-1]
    return entry[1:-1] if is_quoted else entry
