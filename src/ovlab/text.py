r"""Text that others wrote, made harmless where it becomes output.

A name, a title or a server's answer may hold what moves a terminal's cursor (ESC), turns the direction of writing
(U+202E) or cannot be seen (U+200B). Records keep such text as it is; whatever is shown, printed or logged goes through
:func:`visible`, which writes these signs as escapes: ``\x1b``, ``\u202e``.

Imported in a launch, so it imports little.
"""

from __future__ import annotations

import re
import unicodedata

SHOWN_SIGNS = 80
# Longer than the paths that people have; a file of others may give a name or a number of any length.
LONGEST_WORD, LONGEST_LINE = 500, 2000
# Unicode calls these printable, but they draw nothing: joiners and fillers.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_NOT_PLAIN = re.compile(r"[^ -~]")  # all else is looked at sign by sign
_LONG_WORD = re.compile(rf"(?<!\S)\S{{{LONGEST_WORD + 1},}}")
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def visible(text: str, keep: str = "\n\t") -> str:
    r"""Write control signs, direction marks and other invisible signs as escapes.

    What is written so already stays: doing it twice is doing it once.

    Parameters
    ----------
    text : str
        Any text.
    keep : str
        Control signs that stay, because what comes next knows them.

    Returns
    -------
    str
        The same text, with ``\x1b``, ``\u202e`` and ``\U000e0041`` for what cannot be seen. Surrogates are among that,
        so that it can be encoded.
    """
    return _NOT_PLAIN.sub(
        lambda found: found[0] if found[0] in keep or _is_seen(found[0]) else _escaped(found[0]), text
    )


def visible_line(text: str) -> str:
    r"""Do as :func:`visible` for text that must stay on one line: line ends and tabs become escapes too."""
    return visible(text, keep="")


def readable_line(text: str) -> str:
    """Do as :func:`visible_line`, and cut words and lines in the middle that nobody would read to their end."""
    line = _LONG_WORD.sub(lambda found: _without_middle(found[0], SHOWN_SIGNS), visible_line(text))
    return line if len(line) <= LONGEST_LINE else _without_middle(line, LONGEST_LINE // 2)


def _without_middle(text: str, signs: int) -> str:
    return f"{text[:signs]}...{text[-signs // 2 :]}"


def shortened(value: object, signs: int = SHOWN_SIGNS) -> str:
    """Return a value as Python writes it, cut in the middle where it is long: what a user wrote, for a message."""
    text = repr(value[: 2 * signs]) if isinstance(value, str) else repr(value)
    if isinstance(value, str) and len(value) > signs:
        return f"{value[: signs // 2]!r}... ({len(value)} characters)"
    return text if len(text) <= signs else f"{text[: signs // 2]}...{text[-signs // 4 :]}"


def visible_json(text: str) -> str:
    r"""Return JSON that says the same with only what can be seen: invisible signs become JSON's own ``\u202e``.

    Parameters
    ----------
    text : str
        JSON. Line ends between its tokens stay; inside its strings there are none.
    """
    return _NOT_PLAIN.sub(
        lambda found: found[0] if found[0] == "\n" or _is_seen(found[0]) else _json_escaped(found[0]), text
    )


def _is_seen(sign: str) -> bool:
    # Wide and fixed spaces are no ASCII, so Python does not call them printable; they can be seen.
    return (sign.isprintable() or unicodedata.category(sign) == "Zs") and sign not in _BLANK


def _escaped(sign: str) -> str:
    code = ord(sign)
    if sign in _NAMED:
        return _NAMED[sign]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escaped(sign: str) -> str:
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
