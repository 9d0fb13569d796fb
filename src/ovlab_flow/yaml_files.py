"""Read a YAML file of the configuration within bounds, and say in one line what is wrong with it: file, line, key.

The parser's events are looked at before anything is built of them, so that a small file whose aliases multiply, or one
that is nested without end, costs nothing.
"""

from __future__ import annotations

import codecs
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import GrammarParseError, OmegaConfBaseException

from ovlab.errors import OvlabError, one_line
from ovlab.files import NotAFileError, open_file
from ovlab.text import SHOWN_SIGNS, shortened

MOST_BYTES = 1 << 20
MOST_VALUES = 50_000
"""Values of a file, with what aliases stand for counted each time. ImageNet-21k's class names are 22,000."""
MOST_DEPTH = 32
LONGEST_NUMBER = 40
"""Digits of a number; beyond them no field takes it, and Python takes long to read it."""
KEYS_AND_VALUES = "expected keys and values (KEY: VALUE)"
ESCAPE = r" (in a text write \${ for ${)"
TAG = "tag:yaml.org,2002:"
TAGS = {"!", *(f"{TAG}{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq"))}
OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_NUMBER = re.compile(r"[-+]?(0x[\da-fA-F_]+|[\d_]+([:.][\d_]*)*([eE][-+]?\d+)?)")
_SURROGATE = re.compile("[\ud800-\udfff]")
NULLS = {"", "~", "null", "Null", "NULL"}
BEFORE_THE_FIRST = -1
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML may have been built without libyaml


def read_yaml(path: Path, shown: str) -> tuple[str, DictConfig]:
    """Read a file of keys and values.

    Parameters
    ----------
    path : Path
        The file.
    shown : str
        How messages call it.

    Returns
    -------
    text : str
        Its text, without a byte order mark.
    config : DictConfig
        What it says; empty for a file that says nothing.

    Raises
    ------
    OvlabError
        If it cannot be read, is not UTF-8, is no YAML, is larger or deeper than the bounds of this module, has a key
        twice or a tag, or holds a list or a single value.
    """
    text = read_text(path, shown)
    if not _check_events(text, shown):
        return text, OmegaConf.create()
    try:
        config = OmegaConf.load(io.StringIO(text))
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, text, shown, "") from None
    except OmegaConfBaseException as error:
        hint = ESCAPE if isinstance(error, GrammarParseError) else ""
        key, reason = error.full_key or "", f"{str(error).splitlines()[0]}{hint}"
        raise OvlabError(f"{shown}: {f'{key}: ' if key else ''}{reason}") from None
    except (yaml.YAMLError, OSError, ValueError, TypeError, OverflowError) as error:
        raise OvlabError(f"{shown}: is no YAML that can be used ({one_line(error)})") from None
    if not isinstance(config, DictConfig):
        raise OvlabError(f"{shown}: {KEYS_AND_VALUES}")
    return text, config


def is_text(text: str) -> bool:
    """Tell whether a text can be written to a file and be part of a path: no NUL, no half of a character."""
    return "\0" not in text and not _SURROGATE.search(text)


def read_text(path: Path, shown: str) -> str:
    """Return the text of a file that is UTF-8 and no larger than a configuration is."""
    try:
        with open_file(path) as file:
            data = file.read(MOST_BYTES + 1)
    except NotAFileError as error:
        raise OvlabError(f"{shown}: {str(error).removeprefix(f'{path}: ')}") from None
    except OSError as error:
        raise OvlabError(f"{shown}: cannot be read ({one_line(error)})") from None
    if len(data) > MOST_BYTES:
        raise OvlabError(f"{shown}: is larger than {MOST_BYTES >> 20} MiB; long lists of names belong in a text file")
    for mark, encoding in OTHER_ENCODINGS.items():
        if data.startswith(mark):
            raise OvlabError(f"{shown}, line 1: is {encoding}, expected UTF-8; save it as that")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise OvlabError(
            f"{shown}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8 (Latin-1?); save the file as UTF-8"
        ) from None
    if found := yaml.reader.Reader.NON_PRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise OvlabError(
            f"{shown}, line {line}: holds the control character {found.group()!r}; in a text, write it as an escape "
            "between double quotes"
        )
    return text


@dataclass
class _Level:
    """A list or mapping that the parser is inside of."""

    is_mapping: bool
    anchor: str | None
    values_before: int
    keys: dict[str, int] = field(default_factory=dict)
    key: str | None = None
    """Of a mapping: the key whose value comes next; none where a key comes next."""
    place: int = BEFORE_THE_FIRST


class _Reader:
    """Follows the parser's events: how large what they describe becomes, how deep, and under which key."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._levels: list[_Level] = []
        self._sizes: dict[str, int] = {}
        self._values = 0

    def where(self) -> str:
        """Return the key of what comes next, as ``files.0.url``."""
        keys = [level.key if level.is_mapping else level.place for level in self._levels]
        text = ".".join(str(key) for key in keys if key not in {None, BEFORE_THE_FIRST})
        return text if len(text) <= SHOWN_SIGNS else f"{text[:SHOWN_SIGNS]}..."

    def take(self, event: yaml.Event) -> None:
        """Take the next event in."""
        if isinstance(event, yaml.CollectionEndEvent):
            level = self._levels.pop()
            if level.anchor is not None:
                self._sizes[level.anchor] = self._values - level.values_before
            self._close_value()
        elif isinstance(event, yaml.NodeEvent):
            self._take_node(event)

    def _take_node(self, event: yaml.NodeEvent) -> None:
        level = self._levels[-1] if self._levels else None
        is_key = level is not None and level.is_mapping and level.key is None
        if level is not None and not level.is_mapping:
            level.place += 1
        if is_key and not isinstance(event, yaml.ScalarEvent):
            raise self._error(event, "a key must be a single text")
        self._values += self._sizes.get(event.anchor or "", 0) if isinstance(event, yaml.AliasEvent) else 1
        if isinstance(event, yaml.AliasEvent):
            if any(one.anchor == event.anchor for one in self._levels):
                raise self._error(event, f"*{event.anchor} stands inside of what it stands for")
        elif (tag := getattr(event, "tag", None)) is not None and tag not in TAGS:
            raise self._error(event, f"the tag {shortened(tag.replace(TAG, '!!'))} is not read here")
        if self._values > MOST_VALUES:
            raise self._error(event, f"has more than {MOST_VALUES} values, with what its aliases stand for")
        if isinstance(event, yaml.CollectionStartEvent):
            if len(self._levels) >= MOST_DEPTH:
                raise self._error(event, f"is nested more than {MOST_DEPTH} deep")
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            self._levels.append(_Level(is_mapping, event.anchor, self._values - 1))
            return
        if isinstance(event, yaml.ScalarEvent):
            self._check_scalar(event)
            if event.anchor is not None:
                self._sizes[event.anchor] = 1
        if is_key and level is not None and isinstance(event, yaml.ScalarEvent):
            self._take_key(level, event)
        else:
            self._close_value()

    def _take_key(self, level: _Level, event: yaml.ScalarEvent) -> None:
        line = _line(event)
        if event.implicit[0] and event.value in NULLS:
            raise self._error(event, "a key must be a text, null is none")
        if event.value in level.keys:
            first = level.keys[event.value]
            raise self._error(event, f"{shortened(event.value)} is given twice (first in line {first})")
        level.keys[event.value] = line
        level.key = event.value

    def _close_value(self) -> None:
        """Note that the value of a key is over: what follows is the next key."""
        if self._levels and self._levels[-1].is_mapping:
            self._levels[-1].key = None

    def _check_scalar(self, event: yaml.ScalarEvent) -> None:
        if not is_text(event.value):
            raise self._error(event, f"{shortened(event.value)} holds a character that no text has")
        is_quoted = event.implicit[1] or event.tag == f"{TAG}str"  # in quotes, or said to be one
        if len(event.value) > LONGEST_NUMBER and not is_quoted and _NUMBER.fullmatch(event.value):
            raise self._error(event, f"{shortened(event.value)} has too many digits for any number here")

    def _error(self, event: yaml.Event, message: str) -> OvlabError:
        key = self.where()
        return OvlabError(f"{self._shown}, line {_line(event)}: {f'{key}: ' if key else ''}{message}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1


def _check_events(text: str, shown: str) -> bool:
    """Look at what the parser finds, and tell whether it is more than nothing."""
    reader, says_something = _Reader(shown), False
    try:
        for event in yaml.parse(text, Loader=_PARSER):
            if not says_something and isinstance(event, yaml.NodeEvent):
                is_null = isinstance(event, yaml.ScalarEvent) and event.implicit[0] and event.value in NULLS
                if not is_null and not isinstance(event, yaml.MappingStartEvent):
                    raise OvlabError(f"{shown}: {KEYS_AND_VALUES}")
                says_something = not is_null
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, text, shown, reader.where()) from None
    except yaml.YAMLError as error:
        raise OvlabError(f"{shown}: is no YAML ({one_line(error)})") from None
    return says_something


def _not_yaml(error: yaml.MarkedYAMLError, text: str, shown: str, key: str) -> OvlabError:
    mark = error.problem_mark or error.context_mark
    where = f"{shown}, line {mark.line + 1}" if mark is not None else shown
    lines = text.splitlines()
    line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation:
        return OvlabError(f"{where}: is indented with a tab, expected spaces")
    return OvlabError(f"{where}: {f'{key}: ' if key else ''}is no YAML ({error.problem})")
