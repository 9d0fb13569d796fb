"""Look into a prototxt's text before it is parsed: where the layers stand, and what has no meaning at test time.

The protobuf runtime's text parser is strict and keeps no positions. This scanner finds the line of every layer and
blanks out, without moving anything, what has no meaning at test time, so that the strict parser's errors stay right.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ovlab.caffe.schema import V1_TYPES, NetParameter
from ovlab.errors import OvlabError

# Fields that say how to train, feed, save, draw or schedule, never what a layer computes at test time. Forks differ in
# what is inside them, so they are taken out by name, whatever they hold. Fillers are recognised by their ending: every
# fork has its own.
NOT_INFERENCE = frozenset(
    {
        "blob_share_mode",
        "blobs_lr",
        "cudnn_math_override",
        "debug_info",
        "engine",
        "force_backward",
        "force_nd_im2col",
        "loss_param",
        "loss_weight",
        "momentum",
        "moving_average_fraction",
        "param",
        "propagate_down",
        "save_file",
        "save_output_param",
        "sigmoid_param",
        "stable_prod_grad",
        "tanh_param",
        "transform_param",
        "visualize",
        "visualize_threshold",
        "weight_decay",
    }
)

# What DummyData is filled with is its value at test time too.
_FILLER_THAT_COUNTS = "data_filler"

# All that is read of a layer of an unsupported type: enough to see whether its phase leaves it out, and to name it.
_IDENTITY = frozenset({"name", "type", "bottom", "top", "include", "exclude", "phase"})

# The fields that a layer can have in either form.
_FIELDS = frozenset(
    name
    for layers in ("layer", "layers")
    for name in NetParameter.DESCRIPTOR.fields_by_name[layers].message_type.fields_by_name
)

# Possessive: a string that is never closed is given up at once, without a stack of its characters.
_TOKEN = re.compile(
    r"""(?P<skip>\s+|\#[^\n]*)
    |(?P<string>"(?:\\.|[^"\\\n]++)*+"|'(?:\\.|[^'\\\n]++)*+')
    |(?P<word>[\w.+\-]+)
    |(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
# Networks with a thousand layers exist; a hundred of the largest known ones would fit into these.
MOST_LAYERS, MOST_TOKENS, MOST_DEPTH, LONGEST_WORD = 10_000, 4_000_000, 32, 1 << 16
LAYER_FIELDS = ("layer", "layers")
_OPEN = {"{": "}", "<": ">", "[": "]"}


def is_training_setting(name: str) -> bool:
    """Whether a field of this name has no meaning at test time."""
    return name in NOT_INFERENCE or (name.endswith("filler") and name != _FILLER_THAT_COUNTS)


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int

    @property
    def depth(self) -> int:
        """How the token changes the nesting."""
        return (self.kind == "sign") * ((self.text in _OPEN) - (self.text in _OPEN.values()))


@dataclass(frozen=True)
class Block:
    """One ``layer { ... }`` of a prototxt.

    Attributes
    ----------
    name, type : str
        The layer's, as far as they are stated; the type in today's spelling.
    first_line, last_line : int
        Where it stands, counted from 1.
    """

    name: str
    type: str
    first_line: int
    last_line: int


class Source:
    """A prototxt's text, split into tokens.

    Parameters
    ----------
    text : str
        The text.
    path : Path
        Its file, for errors.

    Raises
    ------
    OvlabError
        A bracket does not match, or the text is larger or deeper than any network; the line is named.
    """

    def __init__(self, text: str, path: Path) -> None:
        self._text = text
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._tokens = self._read_tokens(path)
        self._layers = [
            (start, end, dict(self._inner(start, end)))
            for start, end in self._fields(0, len(self._tokens))
            if self._tokens[start].text in LAYER_FIELDS
        ]
        self.blocks = [self._block(*layer) for layer in self._layers]

    def _read_tokens(self, path: Path) -> list[_Token]:
        """Split the text, and stop as soon as it is more than a network has."""
        tokens: list[_Token] = []
        opened: list[_Token] = []
        layers = 0
        for match in _TOKEN.finditer(self._text):
            if match.lastgroup == "skip":
                continue
            token = _Token(match.lastgroup or "", match.group(), match.start(), match.end())
            tokens.append(token)
            layers += not opened and token.text in LAYER_FIELDS
            if token.depth > 0:
                opened.append(token)
            elif token.depth < 0 and (not opened or _OPEN[opened.pop().text] != token.text):
                raise OvlabError(f"{path}, line {self._line(token.start)}: '{token.text}' closes nothing")
            if layers > MOST_LAYERS:
                raise OvlabError(f"{path}, line {self._line(token.start)}: more than {MOST_LAYERS} layers")
            if len(tokens) > MOST_TOKENS:
                raise OvlabError(f"{path}, line {self._line(token.start)}: more than {MOST_TOKENS} words and signs")
            if len(opened) > MOST_DEPTH:
                raise OvlabError(f"{path}, line {self._line(token.start)}: brackets more than {MOST_DEPTH} deep")
            if len(token.text) > LONGEST_WORD:
                raise OvlabError(f"{path}, line {self._line(token.start)}: a word of {len(token.text)} characters")
        if opened:
            raise OvlabError(f"{path}, line {self._line(opened[-1].start)}: '{opened[-1].text}' is never closed")
        return tokens

    def inference_text(self, supported: Collection[str], own: Collection[str] = ()) -> str:
        """Return the text with all that has no meaning at test time replaced by spaces.

        Parameters
        ----------
        supported : collection of str
            The layer types that can be built. A layer of any other type keeps only what identifies it: it may belong to
            the training phase, and its settings are unknown.
        own : collection of str, optional
            Those of them that the user wrote a builder for. Their fields that Caffe does not know are taken out:
            `settings` gives them.

        Returns
        -------
        str
            A text with the same lines and columns.
        """
        spans = [
            (start, end)
            for start in range(len(self._tokens))
            if is_training_setting(self._tokens[start].text) and (end := self._value_end(start)) is not None
        ]
        for block, (start, end, _) in zip(self.blocks, self._layers, strict=True):
            read = _FIELDS if block.type in own else _IDENTITY
            if block.type in own or block.type not in supported:
                spans += [s for s in self._fields(start + 1, end) if self._tokens[s[0]].text not in read]
        pieces, position = [], 0
        for start, end in sorted(spans):
            first, last = self._tokens[start].start, self._tokens[end - 1].end
            if first >= position:  # else it lies inside the one before
                pieces += [self._text[position:first], re.sub(r"[^\n]", " ", self._text[first:last])]
                position = last
        return "".join([*pieces, self._text[position:]])

    def settings(self, index: int) -> dict[str, Any]:
        """Return all fields of a layer as plain values, whatever they are called.

        Parameters
        ----------
        index : int
            The layer's place in `blocks`.

        Returns
        -------
        dict of str to value
            Numbers, booleans, texts (names of enumerations too) and dictionaries of the same kind; a list of them for a
            field that stands there several times or is written as a list.
        """
        start, end, _ = self._layers[index]
        return self._message(start + 1, end)

    def _message(self, start: int, stop: int) -> dict[str, Any]:
        found: dict[str, list[Any]] = {}
        for first, last in self._fields(start, stop):
            value = first + 1 + (self._tokens[first + 1].text == ":")
            if self._tokens[value].text == "[":
                values: list[Any] = list(self._list(value + 1, last - 1))
            else:
                values = [self._value(value, last)]
            found.setdefault(self._tokens[first].text, []).extend(values)
        return {name: values[0] if len(values) == 1 else values for name, values in found.items()}

    def _list(self, start: int, stop: int) -> Iterator[Any]:
        while start < stop:
            end, depth = start + 1, self._tokens[start].depth
            while depth > 0:
                depth += self._tokens[end].depth
                end += 1
            if self._tokens[start].text != ",":
                yield self._value(start, end)
            start = end

    def _value(self, start: int, stop: int) -> Any:
        token = self._tokens[start]
        if token.depth > 0:
            return self._message(start + 1, stop - 1)
        if token.kind == "string":
            return "".join(one.text[1:-1] for one in self._tokens[start:stop])
        if token.text in ("true", "false"):
            return token.text == "true"
        for kind in (int, float):
            try:
                return kind(token.text)
            except ValueError:
                pass
        return token.text

    def _line(self, position: int) -> int:
        return bisect.bisect_left(self._newlines, position) + 1

    def _value_end(self, index: int) -> int | None:
        """Index after the value of the field whose name stands at ``index``; None when no field starts there."""
        tokens = self._tokens
        value = index + 1
        colon = value < len(tokens) and tokens[value].text == ":"
        value += colon
        if tokens[index].kind != "word" or value >= len(tokens):
            return None
        if tokens[value].depth > 0:
            depth = 0
            for end in range(value, len(tokens)):
                depth += tokens[end].depth
                if depth == 0:
                    return end + 1
        if not colon:
            return None
        end = value + 1
        while tokens[value].kind == "string" and end < len(tokens) and tokens[end].kind == "string":
            end += 1  # adjacent strings are one value
        return end

    def _fields(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """First and last token (exclusive) of the fields in a range, not of those nested in them."""
        while start < stop:
            end = self._value_end(start)
            if end is not None:
                yield start, end
            start = end or start + 1

    def _inner(self, start: int, end: int) -> Iterator[tuple[str, str]]:
        """Names and last value tokens of a layer's own fields."""
        for first, last in self._fields(start + 1, end):
            yield self._tokens[first].text, self._tokens[last - 1].text

    def _block(self, start: int, end: int, fields: dict[str, str]) -> Block:
        kind = fields.get("type", "").strip("'\"")
        if self._tokens[start].text == "layers":
            kind = V1_TYPES.get(kind, (0, kind))[1]
        return Block(
            name=fields.get("name", "").strip("'\""),
            type=kind,
            first_line=self._line(self._tokens[start].start),
            last_line=self._line(self._tokens[end - 1].start),
        )
