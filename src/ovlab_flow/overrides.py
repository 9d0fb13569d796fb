"""Overrides on the command line: from whatever Snakemake makes of them to what Hydra reads, one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from ovlab.errors import OvlabError
from ovlab.errors import one_line as in_one_line
from ovlab.text import shortened

AXES = ("model", "precision", "device", "scenario", "host")
ADVICE = {axis: f"choose with experiment.{axis}s=[...]" for axis in AXES}
ADVICE |= {f"{axis}s": f"it is experiment.{axis}s=[...]" for axis in AXES}
ADVICE |= {
    "experiment": "choose with --config experiment=NAME",
    "dataset": "a model's YAML names its data set; model.dataset=NAME sets it for all models",
    "model_precision": "a file conf/model_precision/MODEL-PRECISION.yaml applies by its name",
}
LONGEST_OVERRIDE = 20_000
OPENING, CLOSING, QUOTES = "[{(", "]})", "'\""


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


def parse_overrides(lines: Sequence[str]) -> list[Override]:
    """Parse overrides in Hydra's grammar.

    Raises
    ------
    OvlabError
        If one cannot be read, or chooses what is chosen elsewhere: the line says where.
    """
    parser, parsed = OverridesParser.create(), []
    for line in map(str, lines):  # one by one: the lexer's own words do not say which
        try:
            if len(line) > LONGEST_OVERRIDE:
                raise OvlabError(f"override {shortened(line)}: is longer than {LONGEST_OVERRIDE} characters")
            parsed += parser.parse_overrides([line])
        except (HydraException, ValueError, RecursionError) as error:
            reason = "nested too deep" if isinstance(error, RecursionError) else in_one_line(error)
            raise OvlabError(
                f"overrides: cannot read {shortened(line)}, expected KEY=VALUE in Hydra's grammar ({reason})"
            ) from None
    for override in parsed:
        if override.key_or_group in ADVICE:
            raise OvlabError(f"override {shortened(override.input_line)}: {ADVICE[override.key_or_group]}")
    return parsed
