"""Numbers as text: as many digits as the interval supports, and escaping for HTML's siblings LaTeX and Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ovlab.text import visible_line

MISSING = "–"
MINUS = "−"
MOST_DECIMALS = 6
MOST_DIGITS = 5
SMALL = 1e-3
# Digits shown where no interval says how many are known.
SIGNIFICANT = 3

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "×": r"$\times$",
    "−": "$-$",
    "±": r"$\pm$",
    "–": "--",
    "…": r"\dots{}",
    "’": "'",
    "‘": "`",
    "“": "``",
    "”": "''",
    "→": r"$\rightarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≈": r"$\approx$",
    "°": r"$^{\circ}$",
    "µ": r"$\mu$",
    "μ": r"$\mu$",
    "·": r"$\cdot$",
}
LATEX |= {sign: f"$^{{{plain}}}$" for sign, plain in zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True)}
LATEX |= {sign: f"$_{{{plain}}}$" for sign, plain in zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True)}
LATEX_KNOWS = "\u017f"
"""The last sign up to which LaTeX knows every letter by itself; of others it is told the number."""
MARKDOWN = {"\\": r"\\", "|": r"\|", "*": r"\*", "`": r"\`", "<": "&lt;", ">": "&gt;"}
MARKDOWN |= {sign: rf"\{sign}" for sign in "$~^@"}  # formulas, subscripts and citations to Pandoc


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and the bounds of its 95 % confidence interval, both None where not known.

    Equal bounds stand for a number that is exact by definition (the reference's speed-up of 1).
    """

    value: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, value: float | None, low: float | None = None, high: float | None = None) -> Estimate:
        """Make an estimate from numbers that may be NaN, or not there at all; a half-known interval is unknown."""
        number, lower, upper = (_known(one) for one in (value, low, high))
        if number is None or lower is None or upper is None:
            lower = upper = None
        return cls(number, lower, upper)

    @classmethod
    def of_row(cls, row: Mapping[Any, Any], column: str, factor: float = 1.0) -> Estimate:
        """Make an estimate from a column of the results and its ``_low`` and ``_high``, in another unit."""
        return cls.of(row.get(column), row.get(f"{column}_low"), row.get(f"{column}_high")).scaled(factor)

    @property
    def exact(self) -> bool:
        """Whether the number is exact by definition."""
        return self.low is not None and self.low == self.high

    @property
    def bounded(self) -> bool:
        """Whether there is an interval to show."""
        return self.low is not None and not self.exact

    def contains(self, number: float) -> bool:
        """Tell whether the interval contains a number; one that is not known contains every number."""
        if self.low is None or self.high is None:
            return True
        return self.low <= number <= self.high

    def scaled(self, factor: float) -> Estimate:
        """Return the same in another unit."""
        return Estimate(*(None if one is None else one * factor for one in (self.value, self.low, self.high)))


@dataclass(frozen=True, slots=True)
class Shown:
    """An estimate as text, with ASCII signs; `low` and `high` are empty where there is no interval."""

    value: str
    low: str = ""
    high: str = ""


def show(estimate: Estimate, *, signed: bool = False, least: int = 0, most: int | None = None) -> Shown:
    """Round an estimate as its interval deserves.

    The distance from the value to the nearer bound is given two significant digits if it begins with a 1, else one
    (0.013, 0.02), and the value and its bounds the same number of decimals. A bound so far away that these
    decimals would be noise gets three significant digits, and a positive one that they would round to zero gets one.
    Without an interval the value gets three; an exact one that has no more is written as it is.

    Parameters
    ----------
    estimate : Estimate
        In the unit to show.
    signed : bool
        Whether positive numbers carry a plus sign.
    least : int
        Fewest decimals, where a field is used to them.
    most : int, optional
        Most decimals where there is no interval.

    Returns
    -------
    Shown
        With ``MISSING`` as value if there is none.
    """
    value, low, high = estimate.value, estimate.low, estimate.high
    if value is None:
        return Shown(MISSING)
    if low is None or high is None:
        if most is not None and decimals(value, SIGNIFICANT) > most:
            return Shown(_fixed(value, most, signed))
        return Shown(significant(value, signed=signed))
    if low == high:
        # 1 rather than 1.00; what was computed gets as many digits as one without interval
        written = f"{value:{'+' if signed and value else ''}g}"
        return Shown(written if float(f"{value:.{SIGNIFICANT}g}") == value else significant(value, signed=signed))
    sides = [side for side in (value - low, high - value) if side > 0]
    places = max(least, _places(min(sides))) if sides else decimals(value, SIGNIFICANT)
    places = min(places, MOST_DECIMALS, max(0, MOST_DIGITS - 1 - _order(value)))
    bounds = (_bound(bound, value, places, signed) for bound in (low, high))
    return Shown(_fixed(value, places, signed), *bounds)


def _places(side: float) -> int:
    return decimals(side, 2 if side < 2 * 10.0 ** _order(side) else 1)


def significant(value: float, digits: int = SIGNIFICANT, *, signed: bool = False) -> str:
    """Format a number with this many significant digits, as ``1.2e-05`` below a thousandth."""
    if value == 0:
        return "0"
    if abs(value) < SMALL:
        return f"{value:{'+' if signed else ''}.{digits - 1}e}"
    return _fixed(value, decimals(value, digits), signed)


def decimals(value: float, digits: int) -> int:
    """Return the number of decimals that gives `value` this many significant digits, from 0 to ``MOST_DECIMALS``."""
    return 0 if value == 0 else min(max(digits - 1 - _order(value), 0), MOST_DECIMALS)


def _bound(bound: float, value: float, places: int, signed: bool) -> str:
    if abs(bound) > 10 * abs(value) and value != 0:
        places = min(places, decimals(bound, SIGNIFICANT))
    if bound > 0 and round(bound, places) == 0:
        places = decimals(bound, 1)
    return _fixed(bound, places, signed)


def _fixed(value: float, places: int, signed: bool) -> str:
    rounded = round(value, places)
    if rounded == 0:
        return f"{0:.{places}f}"
    return f"{rounded:{'+' if signed else ''}.{places}f}"


def _order(value: float) -> int:
    return math.floor(math.log10(abs(value))) if value else 0


def _known(number: float | None) -> float | None:
    # pandas' NA has no truth value and no float; NaN is the only number that differs from itself.
    try:
        converted = float(number)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return converted if math.isfinite(converted) else None


def typographic(text: str) -> str:
    """Give a number its true minus sign and its power of ten: ``-1.2e-05`` becomes ``−1.2×10⁻⁵``."""
    mantissa, _, exponent = text.partition("e")
    power = f"×10{str(int(exponent)).translate(SUPERSCRIPT)}" if exponent else ""
    return mantissa.replace("-", MINUS) + power


def interval_text(shown: Shown) -> str:
    """Return ``[low, high]``, or nothing where there is no interval."""
    return f"[{typographic(shown.low)}, {typographic(shown.high)}]" if shown.low else ""


def estimate_text(estimate: Estimate, unit: str = "", *, signed: bool = False, least: int = 0) -> str:
    """Return ``value unit [low, high]``, without brackets where there is no interval."""
    return shown_text(show(estimate, signed=signed, least=least), unit)


def shown_text(shown: Shown, unit: str = "") -> str:
    """Return a rounded estimate in one line."""
    return f"{typographic(shown.value)}{unit} {interval_text(shown)}".strip()


def escape_latex(text: str) -> str:
    """Escape text for LaTeX, on one line; nothing in it can be a command.

    Signs of which pdfLaTeX has no letter stand there by their number, ``[U+6F22]``, so that it compiles.
    """
    return "".join(LATEX.get(sign) or _known_to_latex(sign) for sign in one_line(text))


def _known_to_latex(sign: str) -> str:
    return sign if sign <= LATEX_KNOWS else f"[U+{ord(sign):04X}]"


def escape_markdown(text: str) -> str:
    """Escape text for a cell of a Markdown table."""
    return "".join(MARKDOWN.get(sign, sign) for sign in one_line(text))


def one_line(text: str) -> str:
    """Put white space, line ends included, together into single spaces; what cannot be seen becomes escapes."""
    return visible_line(" ".join(text.split()))


def joined(names: list[str]) -> str:
    """Join names as a sentence does: ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def capitalised(text: str) -> str:
    """Begin a sentence with a name: mAP stays mAP."""
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]


def counted(number: int, noun: str) -> str:
    """Return ``1 launch`` or ``3 launches``."""
    plural = f"{noun}es" if noun.endswith("ch") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def plain_value(value: Any) -> str:
    """Return a value of a record as text: yes and no, lists with commas, a dash for what is not known."""
    if value is None or value in ("", []):
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(plain_value(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {plain_value(one)}" for name, one in value.items())
    return str(value)
